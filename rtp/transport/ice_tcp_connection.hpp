// One TCP connection of the ICE-lite server: bytes in and frames out, frames in and bytes out. Included by
// rtp/transport only. Thread: the executor.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <vector>

#include "rtp/transport/ice_tcp_server.hpp"
#include "rtp/transport/stream_frames.hpp"

namespace partyline::rtp {

class IceTcpServer::Connection : public std::enable_shared_from_this<Connection> {
 public:
  enum class Stage { unproved, proved, released };

  Connection(IceTcpServer& server, boost::asio::ip::tcp::socket socket, ConnectionId id, const Endpoint& from,
             core::TimePoint now);

  void start();
  bool send(std::span<const uint8_t> packet, core::TimePoint now);
  /// Says no more once what is pending has gone out.
  void release(core::TimePoint now);
  /// From now on nothing is read, written or told.
  void close();
  bool overdue(core::TimePoint now) const;

  const ConnectionId id;
  const Endpoint from;
  Stage stage = Stage::unproved;

 private:
  void wait_readable();
  /// False: the connection is over.
  bool read();
  void wait_writable();
  bool flush(core::TimePoint now);
  void finish_if_drained();

  IceTcpServer* server_;  // null after close()
  boost::asio::ip::tcp::socket socket_;
  StreamFrames frames_;
  std::vector<uint8_t> pending_;  // from `sent_` on
  size_t sent_ = 0;
  bool writing_ = false;
  core::TimePoint since_;     // of its stage
  core::TimePoint progress_;  // when the kernel last took something of what is pending
};

}  // namespace partyline::rtp
