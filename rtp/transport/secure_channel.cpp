#include "rtp/transport/secure_channel.hpp"

#include <strings.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>

#include "core/counters.hpp"
#include "core/log.hpp"
#include "rtp/transport/packet_kind.hpp"

namespace partyline::rtp {
namespace {

constexpr size_t kMaxPacket = 2048;  // bytes of a protected packet

struct Drops {
  core::Counter& not_ready = core::counter("partyline_srtp_dropped_total", R"(reason="not_connected")");
  core::Counter& too_long = core::counter("partyline_srtp_dropped_total", R"(reason="too_long")");
  core::Counter& unknown = core::counter("partyline_srtp_dropped_total", R"(reason="not_media")");
};
Drops& drops() {
  static Drops instance;
  return instance;
}

// "AB:CD:…" with `bytes` pairs of hex digits (RFC 8122 §5).
bool well_formed(const std::string& fingerprint, size_t bytes) {
  if (fingerprint.size() != bytes * 3 - 1) return false;
  for (size_t i = 0; i < fingerprint.size(); ++i) {
    const auto c = static_cast<unsigned char>(fingerprint[i]);
    if (i % 3 == 2 ? c != ':' : !std::isxdigit(c)) return false;
  }
  return true;
}

size_t hash_bytes(const std::string& hash) {
  constexpr std::array<std::pair<const char*, size_t>, 4> kHashes{
      {{"sha-256", 32}, {"sha-1", 20}, {"sha-384", 48}, {"sha-512", 64}}};
  for (const auto& [name, bytes] : kHashes) {
    if (::strcasecmp(hash.c_str(), name) == 0) return bytes;
  }
  return 0;
}

}  // namespace

core::Result<SecurePeer> SecurePeer::from(const IceDescription& remote) {
  const auto invalid = [](std::string what) { return core::make_error(core::ErrorCode::invalid, std::move(what)); };
  const size_t bytes = hash_bytes(remote.fingerprint_hash);
  if (bytes == 0) return invalid("unknown fingerprint hash '" + core::printable(remote.fingerprint_hash) + "'");
  if (!well_formed(remote.fingerprint, bytes)) return invalid("malformed DTLS fingerprint");
  SecurePeer peer;
  peer.fingerprint = {remote.fingerprint_hash, remote.fingerprint};
  if (remote.setup == "active" || remote.setup == "actpass" || remote.setup.empty()) {
    peer.our_role = DtlsRole::server;
  } else if (remote.setup == "passive") {
    peer.our_role = DtlsRole::client;
  } else {
    return invalid("unusable a=setup '" + core::printable(remote.setup) + "'");
  }
  return peer;
}

SecureChannel::SecureChannel(boost::asio::any_io_executor executor, std::shared_ptr<const DtlsIdentity> identity,
                             SecurePeer peer, SecureChannelOwner& owner)
    : owner_(owner),
      dtls_(std::move(identity), peer.our_role, std::move(peer.fingerprint),
            [this](std::span<const uint8_t> datagram) { owner_.send_datagram(datagram); }),
      timer_(executor),
      alive_(std::make_shared<SecureChannel*>(this)) {}

SecureChannel::~SecureChannel() {
  *alive_ = nullptr;
}

void SecureChannel::path_ready() {
  if (done_) return;
  if (dtls_.state() == DtlsEndpoint::State::fresh) {
    dtls_.start();
  } else {
    dtls_.resend();
  }
  after_dtls();
}

bool SecureChannel::receive(core::Buffer packet, core::TimePoint now) {
  if (done_) return false;
  switch (classify(packet.span())) {
    case PacketKind::dtls:
      dtls_.receive(packet.span());
      after_dtls();
      return false;
    case PacketKind::rtp:
      return receive_media(std::move(packet), false, now);
    case PacketKind::rtcp:
      return receive_media(std::move(packet), true, now);
    default:
      drops().unknown.add();
      return false;
  }
}

bool SecureChannel::receive_media(core::Buffer packet, bool rtcp, core::TimePoint now) {
  if (!srtp_) {
    drops().not_ready.add();
    return false;
  }
  const auto size =
      rtcp ? srtp_->unprotect_rtcp(packet.data(), packet.size()) : srtp_->unprotect_rtp(packet.data(), packet.size());
  if (!size) return false;
  packet.resize(*size);
  if (rtcp) {
    owner_.on_secure_rtcp(std::move(packet), now);
  } else {
    owner_.on_secure_rtp(std::move(packet), now);
  }
  return true;
}

void SecureChannel::send_rtp(std::span<const uint8_t> packet) {
  protect_and_send(packet, false);
}

void SecureChannel::send_rtcp(std::span<const uint8_t> packet) {
  protect_and_send(packet, true);
}

void SecureChannel::protect_and_send(std::span<const uint8_t> packet, bool rtcp) {
  if (!srtp_ || done_) return drops().not_ready.add();
  if (packet.size() + SrtpSession::kTrailer > kMaxPacket) return drops().too_long.add();
  alignas(8) std::array<uint8_t, kMaxPacket> bytes;
  std::memcpy(bytes.data(), packet.data(), packet.size());
  const auto size =
      rtcp ? srtp_->protect_rtcp(bytes.data(), packet.size()) : srtp_->protect_rtp(bytes.data(), packet.size());
  if (size) owner_.send_datagram({bytes.data(), *size});
}

void SecureChannel::after_dtls() {
  if (done_) return;
  switch (dtls_.state()) {
    case DtlsEndpoint::State::established:
      if (srtp_) return;
      timer_.cancel();
      srtp_ = dtls_.take_srtp();
      return owner_.on_secure_connected();
    case DtlsEndpoint::State::closed:
    case DtlsEndpoint::State::failed:
      done_ = true;
      timer_.cancel();
      return owner_.on_secure_closed(dtls_.error());
    default:
      return arm_timer();
  }
}

void SecureChannel::arm_timer() {
  const auto left = dtls_.next_timeout();
  if (!left) return;
  timer_.expires_after(*left + std::chrono::milliseconds(1));
  timer_.async_wait([alive = alive_](const boost::system::error_code& ec) {
    if (SecureChannel* const self = *alive; !ec && self != nullptr) self->handle_timeout();
  });
}

void SecureChannel::handle_timeout() {
  if (done_) return;
  dtls_.handle_timeout();
  after_dtls();
}

void SecureChannel::close() {
  if (std::exchange(done_, true)) return;
  timer_.cancel();
  dtls_.close();
}

}  // namespace partyline::rtp
