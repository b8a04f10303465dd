// The certificate our DTLS endpoints show: self-signed ECDSA P-256, bound to a session by the fingerprint in its SDP
// (RFC 8122, RFC 8827 §6.5). A program that runs longer than half its lifetime makes another for new sessions. Thread:
// immutable after creation.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "core/result.hpp"

namespace partyline::rtp {

class DtlsIdentity {
 public:
  static constexpr std::chrono::hours kLifetime{60 * 24};

  static core::Result<std::shared_ptr<const DtlsIdentity>> generate();
  ~DtlsIdentity();
  /// "AB:CD:…" of SHA-256.
  const std::string& fingerprint() const;

  struct Impl;
  explicit DtlsIdentity(std::unique_ptr<Impl> impl);
  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace partyline::rtp
