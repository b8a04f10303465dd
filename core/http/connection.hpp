// One connection of the HTTP server, plain or TLS: read a request, find its handler, write the answer, again.
// Thread: the server's executor. No decisions about routes and answers: those are router.hpp's and the handlers'.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>

#include "core/http/byte_stream.hpp"
#include "core/http/router.hpp"
#include "core/http/server.hpp"
#include "core/http/trusted_proxies.hpp"

namespace partyline::core::http {

class Connection {
 public:
  virtual ~Connection() = default;
  /// Cancels what is under way; the connection's coroutine then ends by itself.
  virtual void close() = 0;
};

/// What the connections of one server share.
struct ServerShared {
  ServerConfig config;
  Router router;
  TrustedProxies proxies;
  std::shared_ptr<boost::asio::ssl::context> tls;  ///< null: plain
  std::unordered_map<Connection*, std::weak_ptr<Connection>> connections;
  std::map<boost::asio::ip::address, size_t> by_address;  ///< how many, by client_network(), of those that have any
  bool stopped = false;
};

/// Serves what `stream` carries until it ends.
boost::asio::awaitable<void> serve_stream(std::shared_ptr<ServerShared> shared, std::unique_ptr<ByteStream> stream,
                                          std::optional<boost::asio::ip::address> peer);
/// The same for `socket`, with TLS where the server has it.
boost::asio::awaitable<void> serve_connection(std::shared_ptr<ServerShared> shared,
                                              boost::asio::ip::tcp::socket socket);

}  // namespace partyline::core::http
