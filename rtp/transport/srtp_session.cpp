#include "rtp/transport/srtp_session.hpp"

#include <srtp2/srtp.h>

#include <algorithm>

#include "core/counters.hpp"
#include "rtp/transport/packet_kind.hpp"

namespace partyline::rtp {
namespace {

// Packets. What we send may be resent as long as the history keeps it; what we receive may be late by a loss repair.
constexpr unsigned long kSendWindow = 8192, kReceiveWindow = 1024;

struct Drops {
  core::Counter& replay = core::counter("partyline_srtp_dropped_total", R"(reason="replay")");
  core::Counter& forged = core::counter("partyline_srtp_dropped_total", R"(reason="forged")");
  core::Counter& malformed = core::counter("partyline_srtp_dropped_total", R"(reason="malformed")");
  core::Counter& too_many_ssrcs = core::counter("partyline_srtp_dropped_total", R"(reason="too_many_ssrcs")");
  core::Counter& protect = core::counter("partyline_srtp_dropped_total", R"(reason="protect_failed")");
};
Drops& drops() {
  static Drops instance;
  return instance;
}

// libsrtp is set up once a process and never shut down: sessions may outlive every other static object.
bool library_ready() {
  static const bool ready = srtp_init() == srtp_err_status_ok;
  return ready;
}

struct SrtpDelete {
  void operator()(srtp_ctx_t* context) const { srtp_dealloc(context); }
};
using SrtpPtr = std::unique_ptr<srtp_ctx_t, SrtpDelete>;

SrtpPtr make_context(SrtpProfile profile, std::span<const uint8_t> key, srtp_ssrc_type_t direction) {
  std::vector<uint8_t> key_copy(key.begin(), key.end());  // libsrtp wants it writable, and copies it
  srtp_policy_t policy{};
  const auto number = static_cast<srtp_profile_t>(profile);
  if (!library_ready() || srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, number) != srtp_err_status_ok ||
      srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, number) != srtp_err_status_ok) {
    return nullptr;
  }
  policy.ssrc.type = direction;
  policy.key = key_copy.data();
  policy.window_size = direction == ssrc_any_outbound ? kSendWindow : kReceiveWindow;
  policy.allow_repeat_tx = 1;
  srtp_t context = nullptr;
  const auto status = srtp_create(&context, &policy);
  std::fill(key_copy.begin(), key_copy.end(), uint8_t{0});
  return status == srtp_err_status_ok ? SrtpPtr(context) : nullptr;
}

std::optional<size_t> unprotected(srtp_err_status_t status, int size) {
  switch (status) {
    case srtp_err_status_ok:
      return static_cast<size_t>(size);
    case srtp_err_status_replay_fail:
    case srtp_err_status_replay_old:
      drops().replay.add();
      return std::nullopt;
    case srtp_err_status_auth_fail:
      drops().forged.add();
      return std::nullopt;
    default:
      drops().malformed.add();
      return std::nullopt;
  }
}

}  // namespace

struct SrtpSession::Impl {
  SrtpPtr send, receive;
  std::vector<uint32_t> ssrcs;  // heard and believed

  bool room_for(uint32_t ssrc) const {
    return ssrcs.size() < kMaxSsrcs || std::find(ssrcs.begin(), ssrcs.end(), ssrc) != ssrcs.end();
  }
  void remember(uint32_t ssrc) {
    if (std::find(ssrcs.begin(), ssrcs.end(), ssrc) == ssrcs.end()) ssrcs.push_back(ssrc);
  }
};

std::optional<SrtpKeySizes> srtp_key_sizes(SrtpProfile profile) {
  switch (profile) {
    case SrtpProfile::aes128_cm_sha1_80:
    case SrtpProfile::aes128_cm_sha1_32:
      return SrtpKeySizes{16, 14};
    case SrtpProfile::aead_aes_128_gcm:
      return SrtpKeySizes{16, 12};
    case SrtpProfile::aead_aes_256_gcm:
      return SrtpKeySizes{32, 12};
  }
  return std::nullopt;
}

const char* SrtpSession::offered_profiles() {
  static const bool gcm = [] {
    const std::array<uint8_t, 28> key{};
    return make_context(SrtpProfile::aead_aes_128_gcm, key, ssrc_any_outbound) != nullptr;
  }();
  return gcm ? "SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80:SRTP_AES128_CM_SHA1_32"
             : "SRTP_AES128_CM_SHA1_80:SRTP_AES128_CM_SHA1_32";
}

core::Result<std::unique_ptr<SrtpSession>> SrtpSession::create(SrtpProfile profile, std::span<const uint8_t> send_key,
                                                               std::span<const uint8_t> receive_key) {
  const auto sizes = srtp_key_sizes(profile);
  if (!sizes) return core::make_error(core::ErrorCode::unsupported, "unknown SRTP profile");
  if (send_key.size() != sizes->key + sizes->salt || receive_key.size() != send_key.size()) {
    return core::make_error(core::ErrorCode::invalid, "an SRTP key of the wrong size");
  }
  auto impl = std::make_unique<Impl>();
  impl->send = make_context(profile, send_key, ssrc_any_outbound);
  impl->receive = make_context(profile, receive_key, ssrc_any_inbound);
  if (!impl->send || !impl->receive) return core::make_error(core::ErrorCode::internal, "libsrtp refused the keys");
  return std::unique_ptr<SrtpSession>(new SrtpSession(std::move(impl)));
}

SrtpSession::SrtpSession(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SrtpSession::~SrtpSession() = default;

std::optional<size_t> SrtpSession::protect_rtp(uint8_t* packet, size_t size) {
  int length = static_cast<int>(size);
  if (size >= 12 && srtp_protect(impl_->send.get(), packet, &length) == srtp_err_status_ok) {
    return static_cast<size_t>(length);
  }
  drops().protect.add();
  return std::nullopt;
}

std::optional<size_t> SrtpSession::protect_rtcp(uint8_t* packet, size_t size) {
  int length = static_cast<int>(size);
  if (size >= 8 && srtp_protect_rtcp(impl_->send.get(), packet, &length) == srtp_err_status_ok) {
    return static_cast<size_t>(length);
  }
  drops().protect.add();
  return std::nullopt;
}

std::optional<size_t> SrtpSession::unprotect_rtp(uint8_t* packet, size_t size) {
  if (size < 12) {
    drops().malformed.add();
    return std::nullopt;
  }
  const uint32_t ssrc = ssrc_of_rtp({packet, size});
  if (!impl_->room_for(ssrc)) {
    drops().too_many_ssrcs.add();
    return std::nullopt;
  }
  int length = static_cast<int>(size);
  const auto status = srtp_unprotect(impl_->receive.get(), packet, &length);
  const auto result = unprotected(status, length);
  if (result) impl_->remember(ssrc);
  return result;
}

std::optional<size_t> SrtpSession::unprotect_rtcp(uint8_t* packet, size_t size) {
  if (size < 8) {
    drops().malformed.add();
    return std::nullopt;
  }
  const uint32_t ssrc = uint32_t{packet[4]} << 24 | uint32_t{packet[5]} << 16 | uint32_t{packet[6]} << 8 | packet[7];
  if (!impl_->room_for(ssrc)) {
    drops().too_many_ssrcs.add();
    return std::nullopt;
  }
  int length = static_cast<int>(size);
  const auto status = srtp_unprotect_rtcp(impl_->receive.get(), packet, &length);
  const auto result = unprotected(status, length);
  if (result) impl_->remember(ssrc);
  return result;
}

}  // namespace partyline::rtp
