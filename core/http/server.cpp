#include "core/http/server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/client_network.hpp"
#include "core/counters.hpp"
#include "core/http/connection.hpp"
#include "core/log.hpp"

namespace partyline::core::http {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;

struct Server::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::any_io_executor executor, ServerConfig config)
      : acceptor(executor), shared(std::make_shared<ServerShared>()) {
    shared->config = std::move(config);
  }

  Result<> start();
  Result<> load_tls();
  void stop();
  bool admits(const tcp::socket& socket) const;
  static asio::awaitable<void> accept_all(std::shared_ptr<Impl> self);

  tcp::acceptor acceptor;
  std::shared_ptr<ServerShared> shared;
  uint16_t port = 0;
};

Result<> Server::Impl::load_tls() {
  const ServerConfig& config = shared->config;
  if (config.tls_certificate_file.empty()) return {};
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  context->set_options(ssl::context::default_workarounds | ssl::context::no_compression | SSL_OP_NO_RENEGOTIATION);
  error_code ec;
  context->use_certificate_chain_file(config.tls_certificate_file, ec);
  if (ec)
    return make_error(ErrorCode::io, "cannot use the certificate " + config.tls_certificate_file + ": " + ec.message() +
                                         "; a PEM chain readable for this user is needed");
  context->use_private_key_file(config.tls_key_file, ssl::context::pem, ec);
  if (ec)
    return make_error(ErrorCode::io, "cannot use the key " + config.tls_key_file + ": " + ec.message() +
                                         "; it must be PEM, readable, and belong to the certificate");
  shared->tls = std::move(context);
  return {};
}

Result<> Server::Impl::start() {
  const ServerConfig& config = shared->config;
  auto proxies = TrustedProxies::of(config.trusted_proxies);
  if (!proxies) return proxies.error();
  shared->proxies = std::move(*proxies);
  if (auto loaded = load_tls(); !loaded) return loaded;
  error_code ec;
  const auto address = asio::ip::make_address(config.address, ec);
  if (ec) return make_error(ErrorCode::invalid, "\"" + config.address + "\" is no IP address to listen on for HTTP");
  const tcp::endpoint endpoint(address, config.port);
  acceptor.open(endpoint.protocol(), ec);
  if (!ec) acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  error_code not_dual;
  if (!ec && address.is_v6() && address.is_unspecified())
    acceptor.set_option(asio::ip::v6_only(false), not_dual);  // then v6 only
  if (!ec) acceptor.bind(endpoint, ec);
  if (!ec) acceptor.listen(tcp::acceptor::max_listen_connections, ec);
  if (ec) {
    error_code ignored;
    acceptor.close(ignored);
    std::string hint = ec.message();
    if (ec == asio::error::address_in_use) hint += "; another program has this port: stop it or choose another port";
    if (ec == asio::error::access_denied) hint += "; ports below 1024 need CAP_NET_BIND_SERVICE";
    return make_error(ErrorCode::io,
                      fmt::format("cannot listen for HTTP on {} port {}: {}", config.address, config.port, hint));
  }
  port = acceptor.local_endpoint().port();
  asio::co_spawn(acceptor.get_executor(), accept_all(shared_from_this()), asio::detached);
  return {};
}

asio::awaitable<void> Server::Impl::accept_all(std::shared_ptr<Impl> self) {
  Counter& accepted = counter("partyline_http_connections_total");
  Counter& refused = counter("partyline_http_connections_refused_total", "reason=\"limit\"");
  LogLimit log_limit;
  while (!self->shared->stopped) {
    auto [error, socket] = co_await self->acceptor.async_accept(asio::as_tuple(asio::use_awaitable));
    if (self->shared->stopped || error == asio::error::operation_aborted) break;
    if (error) {  // out of descriptors, most likely: existing connections must end first
      if (auto n = log_limit.admit(Clock::now())) log_warn("http cannot accept: {} ({} times)", error.message(), *n);
      asio::steady_timer pause(self->acceptor.get_executor(), std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
      continue;
    }
    if (self->shared->connections.size() >= self->shared->config.max_connections) {
      refused.add();
      if (auto n = log_limit.admit(Clock::now()))
        log_warn("http has {} connections, its limit: {} more refused", self->shared->connections.size(), *n);
      continue;
    }
    if (!self->admits(socket)) {
      refused.add();
      if (auto n = log_limit.admit(Clock::now())) log_warn("http: too many connections of one address; {} refused", *n);
      continue;
    }
    accepted.add();
    asio::co_spawn(self->acceptor.get_executor(), serve_connection(self->shared, std::move(socket)), asio::detached);
  }
}

bool Server::Impl::admits(const tcp::socket& socket) const {
  error_code error;
  const auto peer = socket.remote_endpoint(error);
  if (error || peer.address().is_loopback() || shared->proxies.contains(peer.address())) return true;
  const auto found = shared->by_address.find(client_network(peer.address()));
  return found == shared->by_address.end() || found->second < shared->config.max_connections_per_address;
}

void Server::Impl::stop() {
  if (shared->stopped) return;
  shared->stopped = true;
  error_code ignored;
  acceptor.close(ignored);
  const auto connections = shared->connections;  // close() may erase
  for (const auto& [key, weak] : connections)
    if (const auto connection = weak.lock()) connection->close();
}

Server::Server(asio::any_io_executor executor, ServerConfig config)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(config))) {}
Server::~Server() {
  impl_->stop();
}
void Server::route(std::string method, std::string pattern, Handler handler) {
  impl_->shared->router.add(std::move(method), pattern, std::move(handler));
}
Result<> Server::start() {
  return impl_->start();
}
void Server::stop() {
  impl_->stop();
}
uint16_t Server::port() const {
  return impl_->port;
}

}  // namespace partyline::core::http
