// Transport: what carries RTP and RTCP of one session. Three kinds: plain UDP for SIP (udp_transport.hpp), the ICE-lite
// server's side of a WebRTC session (ice_lite_server.hpp), and the full-ICE client's (nice_transport.hpp).
//
// Thread: the executor given at construction; events come there too. Events may call close() but must not destroy the
// transport inside the call (hold a shared_ptr).
#pragma once

#include <boost/asio/ip/udp.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/buffer.hpp"
#include "core/result.hpp"
#include "core/time.hpp"

namespace partyline::rtp {

class TransportEvents {
 public:
  virtual ~TransportEvents() = default;
  /// Media may be sent from now on (ICE and DTLS done; for plain UDP at once).
  virtual void on_transport_connected() = 0;
  /// Decrypted, in the receive buffer itself.
  virtual void on_rtp(core::Buffer packet, core::TimePoint now) = 0;
  virtual void on_rtcp(core::Buffer packet, core::TimePoint now) = 0;
  /// The transport is dead (consent lost, DTLS failed or closed by the peer); said once, never after close().
  virtual void on_transport_closed(const core::Error& why) = 0;
  /// The full-ICE client's: the path is given up that media took. True: the owner restarts ICE (nice_transport.hpp), or
  /// the transport closes after a while; false: it closes.
  virtual bool on_path_lost() { return false; }
  /// A restart has found another path; media flows again.
  virtual void on_path_found() {}
};

class Transport {
 public:
  virtual ~Transport() = default;
  /// Plain packets; protected on the way where the transport is secure. Dropped and counted before
  /// on_transport_connected and when the socket is full. Never blocks.
  virtual void send_rtp(std::span<const uint8_t> packet) = 0;
  virtual void send_rtcp(std::span<const uint8_t> packet) = 0;
  /// Says goodbye where the protocol has a word for it (DTLS close_notify) and stops all events. Idempotent.
  virtual void close() = 0;
};

/// One side's ICE and DTLS words, as they stand in SDP (RFC 8839, RFC 8842).
struct IceDescription {
  std::string ufrag, pwd;
  bool lite = false;
  std::vector<std::string>
      candidates;  ///< values of a=candidate, without "candidate:"… e.g. "1 1 udp 2130706431 127.0.0.1 8000 typ host"
  std::string fingerprint_hash;  ///< "sha-256"
  std::string fingerprint;       ///< "AB:CD:…"
  std::string setup;             ///< "active", "passive", "actpass"
};

}  // namespace partyline::rtp
