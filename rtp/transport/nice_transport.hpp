// The client role of WebRTC: a full ICE agent (libnice, controlling) with DTLS-SRTP, one component (BUNDLE, rtcp-mux).
//
// libnice lives on one GLib thread inside NiceService and nowhere else. It leaves loopback out unless told: the source
// address that routes to the SFU's host is added, so a gateway beside its SFU on 127.0.0.1 works.
// Thread: NiceTransport on its executor; NiceService is thread-safe.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>
#include <vector>

#include "rtp/transport/dtls_identity.hpp"
#include "rtp/transport/ice_server.hpp"
#include "rtp/transport/transport.hpp"

namespace partyline::rtp {

struct NiceConfig {
  /// The SFU's host name or address, to find the local address that routes there. Empty: all but loopback.
  std::string remote_host;
  std::vector<IceServer> ice_servers;
  bool ice_tcp = false;  ///< also ICE-TCP (RFC 6544), for servers that UDP does not reach
  core::Duration gather_timeout = std::chrono::seconds(3);
  core::Duration connect_timeout = std::chrono::seconds(10);
  core::Duration restart_timeout = std::chrono::seconds(20);  ///< to find another path, when nothing is sent any more
};

class NiceTransport : public Transport {
 public:
  /// Our half with all candidates (full gathering: SRS knows no trickle). Valid after create().
  virtual IceDescription local() const = 0;
  /// TURN servers that were told after the gathering (with the answer): relayed candidates join the checks as soon as
  /// they are there. Before set_remote(), which should not wait for them. STUN servers come too late: of another
  /// address of ours nobody would be told before a restart.
  virtual boost::asio::awaitable<void> add_ice_servers(std::vector<IceServer> servers) = 0;
  /// The answer's half; starts the checks and then DTLS. `invalid` for malformed candidates or fingerprints.
  virtual core::Result<> set_remote(const IceDescription& remote) = 0;
  /// An ICE restart (RFC 8445 §9): gathers again, with the addresses and servers of now. Our new half is for the peer;
  /// the path of before is used, if it still works, until restart() has found another. DTLS and SRTP go on.
  virtual boost::asio::awaitable<core::Result<IceDescription>> regather() = 0;
  /// The peer's new half after regather(); without candidates, those of before. `conflict` without regather().
  virtual core::Result<> restart(const IceDescription& remote) = 0;
  virtual std::string remote_address() const = 0;
};

/// The GLib thread. Make one a process and keep it until all transports are gone.
class NiceService {
 public:
  explicit NiceService(std::shared_ptr<const DtlsIdentity> identity);
  ~NiceService();
  /// Shown by transports that are created from now on. Not while a create() is being called on another thread.
  void set_identity(std::shared_ptr<const DtlsIdentity> identity);
  /// Gathers and returns a transport that waits for the answer. `events` must outlive the transport or its close().
  boost::asio::awaitable<core::Result<std::shared_ptr<NiceTransport>>> create(NiceConfig config,
                                                                              TransportEvents& events);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace partyline::rtp
