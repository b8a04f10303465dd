// DtlsEndpoint: one DTLS 1.2 association (RFC 6347) that agrees on SRTP keys (RFC 5764), without socket or timer:
// datagrams go in, datagrams and facts come out.
//
//   new ──start()/receive()──▶ handshaking ──▶ established ──close_notify──▶ closed
//                                   └── fingerprint, timeouts, alerts ──▶ failed
//
// Timer: 100 ms, doubled to 2 s (RFC 6347 §4.2.4 asks for 1 s; WebRTC peers are near and start earlier); OpenSSL gives
// up after twelve. resend() repeats the last flight at once: ICE calls it when the path is ready, because whatever was
// sent before went nowhere. Thread: the transport's executor. Deliberately not done: cookies (ICE has already shown
// that the peer is where it says), application data, renegotiation, DTLS 1.3 (not in OpenSSL 3.0).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"
#include "rtp/transport/dtls_identity.hpp"
#include "rtp/transport/srtp_session.hpp"

namespace partyline::rtp {

enum class DtlsRole { client, server };

class DtlsEndpoint {
 public:
  enum class State { fresh, handshaking, established, closed, failed };
  static constexpr size_t kMtu = 1200;  // bytes of a DTLS datagram

  struct PeerFingerprint {
    std::string hash;   ///< "sha-256"
    std::string value;  ///< "AB:CD:…"
  };

  /// `send` takes each datagram, inside the calls below.
  DtlsEndpoint(std::shared_ptr<const DtlsIdentity> identity, DtlsRole role, PeerFingerprint peer,
               std::function<void(std::span<const uint8_t>)> send);
  ~DtlsEndpoint();
  DtlsEndpoint(const DtlsEndpoint&) = delete;

  /// The client's first flight; for a server only a change of state.
  void start();
  void receive(std::span<const uint8_t> datagram);
  void handle_timeout();
  /// How long until handle_timeout() wants to be called; nothing: no timer runs.
  std::optional<core::Duration> next_timeout() const;
  void resend();
  /// Sends close_notify when established.
  void close();

  State state() const;
  /// Why it failed, or who closed it.
  const core::Error& error() const;
  /// Once established.
  std::unique_ptr<SrtpSession> take_srtp();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace partyline::rtp
