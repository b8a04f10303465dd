// IceTcpServer: the TCP side of the ICE-lite server: passive candidates (RFC 6544), packets framed by RFC 4571. I/O
// and limits only: whose a connection is, its owner decides.
//
//   accepted ──prove()──▶ proved ──release()──▶ half-closed ──▶ closed
//       └── kProofTimeout without proof ──▶ closed        peer closes, breaks the framing, or takes nothing any more
//
// What a stranger can make us keep: Limits::unproved_per_address connections of a few KiB each, for kProofTimeout (an
// IPv6 /64 counts as one address). When all places are taken, the oldest that has not proved itself makes room.
// What a slow peer can: kMaxPending bytes; packets that do not fit are dropped whole, as a full UDP buffer does.
// Thread: the executor.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <unordered_map>

#include "core/buffer.hpp"
#include "core/result.hpp"
#include "core/time.hpp"

namespace partyline::rtp {

class IceTcpServer : public std::enable_shared_from_this<IceTcpServer> {
 public:
  using Endpoint = boost::asio::ip::udp::endpoint;  // address and port, whatever the protocol
  using ConnectionId = uint64_t;                    // never 0, never used twice

  static constexpr core::Duration kProofTimeout = std::chrono::seconds(5);
  static constexpr core::Duration kStallTimeout = std::chrono::seconds(10);
  static constexpr size_t kMaxPending = 128 * 1024;  // bytes that the kernel has not taken yet, of one connection

  struct Limits {
    size_t connections = 4096;
    size_t unproved_per_address = 100;
  };
  struct Handlers {
    std::function<void(core::Buffer packet, ConnectionId, const Endpoint& from)> on_packet;
    /// The connection is gone, and not by close(). Not called for connections that were never proved.
    std::function<void(ConnectionId, const Endpoint& from)> on_closed;
  };

  /// `conflict` when the port is taken, `io` otherwise.
  static core::Result<std::shared_ptr<IceTcpServer>> listen(boost::asio::any_io_executor executor,
                                                            const Endpoint& local, Limits limits);
  ~IceTcpServer();

  /// Handlers are called until close().
  void start(Handlers handlers);
  /// Never blocks; false (and counted) when it was not taken.
  bool send(ConnectionId id, std::span<const uint8_t> packet);
  /// The peer has shown the credentials of a session: it may stay.
  void prove(ConnectionId id);
  /// It is nobody's any more: what was sent still goes out, what comes is not read any more.
  void release(ConnectionId id);
  /// Closes what is overdue. Call it a few times a second.
  void sweep(core::TimePoint now);
  void close();
  size_t size() const { return connections_.size(); }

 private:
  class Connection;
  struct Listener;
  IceTcpServer(boost::asio::any_io_executor executor, Limits limits);
  void accept();
  void admit(boost::asio::ip::tcp::socket socket, const Endpoint& from);
  void drop(ConnectionId id);
  bool drop_oldest_unproved();
  void no_longer_unproved(Connection& connection);

  boost::asio::any_io_executor executor_;
  const Limits limits_;
  Handlers handlers_;
  std::unique_ptr<Listener> listener_;
  std::unordered_map<ConnectionId, std::shared_ptr<Connection>> connections_;
  std::map<boost::asio::ip::address, size_t> unproved_;  // by client network
  ConnectionId last_id_ = 0;
  bool closed_ = false;
};

}  // namespace partyline::rtp
