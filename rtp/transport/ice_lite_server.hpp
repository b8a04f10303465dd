// The server role of WebRTC: ICE-lite (RFC 8445 §2.5) for any number of sessions on one UDP port. Packets are told
// apart by their first byte (RFC 7983) and found by remote address; a STUN binding request finds its session by
// USERNAME and is believed only with a correct MESSAGE-INTEGRITY. libnice's STUN codec parses and writes; no agent is
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
  std::string listen_address = "0.0.0.0";
  uint16_t port = 8000;  ///< 0: any free port
  /// Addresses put into candidates. Empty: the listen address or, when that is the wildcard, every address of the host,
  /// 127.0.0.1 last.
  std::vector<std::string> advertised_addresses;
  core::Duration connect_timeout = std::chrono::seconds(15);  ///< from create to connected, else closed(timeout)
  core::Duration consent_timeout = std::chrono::seconds(15);  ///< without any valid packet from the peer
  size_t max_sessions = 10000;
};

/// One session's transport. `connected` comes after DTLS.
class IceLiteTransport : public Transport {
 public:
  /// Our half, for the SDP answer. `setup` is the complement of the offer's.
  virtual IceDescription local() const = 0;
  /// "192.0.2.1:4711", or empty before the first check.
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
  /// A session for a peer that described itself as `remote` (fingerprint and setup are used; its candidates are not: it
  /// comes to us). `events` must outlive the transport or its close().
  core::Result<std::shared_ptr<IceLiteTransport>> create(const IceDescription& remote, TransportEvents& events);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace partyline::rtp
