// The HTTP server (Boost.Beast): HTTP/1.1, optionally TLS, routes with {placeholders}, coroutine handlers.
//
// Every limit a stranger can lean on is in ServerConfig: header and body size, idle and request time, connections.
// Malformed requests get 400 problem JSON; an unknown path 404, a known path with another method 405 with Allow.
// HEAD is answered from GET. Thread: everything, handlers included, on the executor given at construction.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/http/message.hpp"
#include "core/result.hpp"

namespace partyline::core::http {

struct ServerConfig {
  std::string address = "0.0.0.0";
  uint16_t port = 8080;              ///< 0: any free port, see Server::port()
  std::string tls_certificate_file;  ///< PEM chain; empty: plain HTTP
  std::string tls_key_file;          ///< PEM
  size_t max_body_bytes = 256 * 1024;
  size_t max_connections = 1000;
  /// Of one IPv4 address or IPv6 /64; this machine's own and the trusted proxies' are not counted.
  size_t max_connections_per_address = 100;
  /// Addresses and networks whose X-Forwarded-For says who asks (trusted_proxies.hpp).
  std::vector<std::string> trusted_proxies{};
  std::chrono::seconds idle_timeout{60};
};

using Handler = std::function<boost::asio::awaitable<Response>(Request)>;

class Server {
 public:
  Server(boost::asio::any_io_executor executor, ServerConfig config);
  ~Server();
  Server(const Server&) = delete;

  /// `pattern`: "/api/v1/rooms/{room}"; a last segment "{rest*}" takes the remainder, slashes included.
  /// `method` "*" takes any. Routes are tried in the order added. Call before start().
  void route(std::string method, std::string pattern, Handler handler);
  /// Binds and listens; errors say what to do (address in use, certificate unreadable).
  Result<> start();
  /// Closes the listener and all connections. Idempotent.
  void stop();
  uint16_t port() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace partyline::core::http
