// The server role of WebRTC: ICE-lite (RFC 8445 §2.5) for any number of sessions on one UDP port and the TCP port of
// the same number (passive candidates, RFC 6544), both IP versions. Packets are told apart by their first byte
// (RFC 7983) and found by remote address or connection; a STUN binding request finds its session by USERNAME and is
// believed only with a correct MESSAGE-INTEGRITY. libnice's STUN codec parses and writes; no agent is
// involved.
//
// Thread: everything on the executor.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <memory>
#include <string>
#include <vector>

#include "rtp/transport/dtls_identity.hpp"
#include "rtp/transport/transport.hpp"

namespace partyline::rtp {

struct IceLiteConfig {
  /// "::" is every address of both IP versions, of IPv4 alone on a machine without IPv6.
  std::string listen_address = "::";
  uint16_t port = 8000;  ///< 0: any free port
  bool tcp = true;       ///< also listen on TCP
  /// Addresses put into candidates. Empty: the listen address or, when that is the wildcard, every address of the host,
  /// 127.0.0.1 last.
  std::vector<std::string> advertised_addresses;
  core::Duration connect_timeout = std::chrono::seconds(15);  ///< from create to connected, else closed(timeout)
  core::Duration silence_timeout = std::chrono::seconds(15);  ///< without any valid packet from the peer
  /// Without a valid check: the peer's consent to be sent to has expired (RFC 7675 §5.1). Media is no consent.
  core::Duration consent_timeout = std::chrono::seconds(30);
  size_t max_sessions = 10000;
};

/// One session's transport. `connected` comes after DTLS.
class IceLiteTransport : public Transport {
 public:
  /// Our half, for the SDP answer. `setup` is the complement of the offer's.
  virtual IceDescription local() const = 0;
  /// New ICE credentials for a peer that restarts ICE (RFC 8445 §9); DTLS and SRTP go on. Those of before are good
  /// until the first check with the new ones.
  virtual IceDescription restart() = 0;
  /// "192.0.2.1:4711", "[2001:db8::1]:4711 over TCP", or empty before the first check.
  virtual std::string remote_address() const = 0;
};

class IceLiteServer {
 public:
  IceLiteServer(boost::asio::any_io_executor executor, IceLiteConfig config,
                std::shared_ptr<const DtlsIdentity> identity);
  ~IceLiteServer();

  core::Result<> start();
  void stop();
  uint16_t port() const;
  /// Shown in sessions that are created from now on.
  void set_identity(std::shared_ptr<const DtlsIdentity> identity);
  /// A session for a peer that described itself as `remote` (fingerprint and setup are used; its candidates are not: it
  /// comes to us). `events` must outlive the transport or its close().
  core::Result<std::shared_ptr<IceLiteTransport>> create(const IceDescription& remote, TransportEvents& events);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace partyline::rtp
