// SrtpSession: both directions of SRTP and SRTCP for one DTLS association (RFC 3711, RFC 5764 §4, RFC 7714), on
// libsrtp2.
//
// Resending a packet unchanged (NACK without RTX) is allowed, receiving one twice is not: replays are dropped.
// Thread: the transport's executor. Deliberately not done: MKI, header extension encryption (RFC 6904).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/result.hpp"

namespace partyline::rtp {

enum class SrtpProfile : uint16_t {  // RFC 5764 §4.1.2, RFC 7714 §14.2
  aes128_cm_sha1_80 = 0x0001,
  aes128_cm_sha1_32 = 0x0002,
  aead_aes_128_gcm = 0x0007,
  aead_aes_256_gcm = 0x0008,
};

/// Bytes of master key and of salt.
struct SrtpKeySizes {
  size_t key, salt;
};
std::optional<SrtpKeySizes> srtp_key_sizes(SrtpProfile profile);

class SrtpSession {
 public:
  /// What protect may add to a packet: a 16-byte tag and, for RTCP, the 4-byte index.
  static constexpr size_t kTrailer = 20;
  /// SSRCs a peer may send from; each costs memory (the replay window).
  static constexpr size_t kMaxSsrcs = 128;

  /// The profiles for SSL_CTX_set_tlsext_use_srtp, best first; without GCM where libsrtp was built without it.
  static const char* offered_profiles();

  /// `send_key` and `receive_key` are master key then salt.
  static core::Result<std::unique_ptr<SrtpSession>> create(SrtpProfile profile, std::span<const uint8_t> send_key,
                                                           std::span<const uint8_t> receive_key);
  ~SrtpSession();
  SrtpSession(const SrtpSession&) = delete;

  /// In place; `packet` has room for kTrailer bytes behind `size`. The new size, or nothing (counted).
  std::optional<size_t> protect_rtp(uint8_t* packet, size_t size);
  std::optional<size_t> protect_rtcp(uint8_t* packet, size_t size);
  /// In place. The new size, or nothing for forged, replayed or malformed packets (counted).
  std::optional<size_t> unprotect_rtp(uint8_t* packet, size_t size);
  std::optional<size_t> unprotect_rtcp(uint8_t* packet, size_t size);

 private:
  struct Impl;
  explicit SrtpSession(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace partyline::rtp
