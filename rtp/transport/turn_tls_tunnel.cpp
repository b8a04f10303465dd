#include "rtp/transport/turn_tls_tunnel.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <string_view>
#include <utility>
#include <vector>

#include "core/http/byte_stream.hpp"
#include "core/log.hpp"

namespace partyline::rtp {
namespace {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;
using core::http::ByteStream;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds kConnect{5};
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr size_t kMostConnections = 16;  // libnice makes one for each local address
constexpr size_t kChunk = 4096;          // bytes

struct Connection {
  std::shared_ptr<ssl::context> context;  // outlives `far`
  std::unique_ptr<ByteStream> near, far;
  void close() {
    near->close();
    far->close();
  }
};

/// Until either end closes.
asio::awaitable<void> pump(std::shared_ptr<Connection> connection, ByteStream* from, ByteStream* to) {
  std::array<char, kChunk> chunk;
  for (;;) {
    const auto read = co_await from->read_some(asio::buffer(chunk));
    if (read.error || read.size == 0) break;
    const std::string_view bytes(chunk.data(), read.size);
    if (co_await to->write_all(bytes)) break;
  }
  connection->close();
}

asio::awaitable<void> serve(std::shared_ptr<Connection> connection, std::string host, tcp::endpoint server,
                            std::shared_ptr<size_t> open) {
  const auto executor = co_await asio::this_coro::executor;
  connection->far->expires_after(kConnect);
  std::vector<tcp::endpoint> endpoints(1, server);
  error_code error = co_await connection->far->connect(std::move(endpoints));
  if (!error) error = co_await connection->far->handshake();
  if (error) {
    const std::string why = connection->far->certificate_problem();
    core::log_warn("TURN over TLS to {}: {}{}", core::printable(host), error.message(),
                   why.empty() ? "" : " (" + why + ")");
    connection->close();
  } else {
    connection->far->expires_never();
    connection->near->expires_never();
    asio::co_spawn(executor, pump(connection, connection->near.get(), connection->far.get()), asio::detached);
    co_await pump(connection, connection->far.get(), connection->near.get());
  }
  --*open;
}

}  // namespace

struct TurnTlsTunnel::Listener {
  Listener(const asio::any_io_executor& executor, std::string with_host, tcp::endpoint with_server,
           std::shared_ptr<ssl::context> with_context)
      : acceptor(executor),
        pause(executor),
        host(std::move(with_host)),
        server(std::move(with_server)),
        context(std::move(with_context)) {}

  error_code listen() {
    const tcp::endpoint here(server.address().is_v6() ? asio::ip::address(asio::ip::address_v6::loopback())
                                                      : asio::ip::address(asio::ip::address_v4::loopback()),
                             0);
    error_code ec;
    acceptor.open(here.protocol(), ec);
    if (!ec) acceptor.bind(here, ec);
    if (!ec) acceptor.listen(static_cast<int>(kMostConnections), ec);
    return ec;
  }

  static asio::awaitable<void> run(std::shared_ptr<Listener> self) {
    const auto executor = co_await asio::this_coro::executor;
    while (self->acceptor.is_open()) {
      auto [error, socket] = co_await self->acceptor.async_accept(kTuple);
      if (error == asio::error::operation_aborted || !self->acceptor.is_open()) co_return;
      if (error) {  // out of descriptors, most likely: trying again at once would only burn time
        self->pause.expires_after(kAcceptPause);
        co_await self->pause.async_wait(kTuple);
        continue;
      }
      if (*self->open >= kMostConnections) continue;
      error_code address_error;
      asio::ip::make_address(self->host, address_error);
      auto far = core::http::make_tls_client_stream(
          executor, *self->context, {.host = self->host, .host_is_address = !address_error, .verify = true});
      if (!far) continue;
      auto connection = std::make_shared<Connection>();
      connection->context = self->context;
      connection->near = core::http::make_plain_stream(std::move(socket));
      connection->far = *std::move(far);
      ++*self->open;
      asio::co_spawn(executor, serve(std::move(connection), self->host, self->server, self->open), asio::detached);
    }
  }

  tcp::acceptor acceptor;
  asio::steady_timer pause;
  const std::string host;
  const tcp::endpoint server;
  const std::shared_ptr<ssl::context> context;
  std::shared_ptr<size_t> open = std::make_shared<size_t>(0);
};

TurnTlsTunnel::TurnTlsTunnel(std::shared_ptr<Listener> listener) : listener_(std::move(listener)) {}

TurnTlsTunnel::~TurnTlsTunnel() {
  error_code ignored;
  listener_->acceptor.close(ignored);
  listener_->pause.cancel();
}

core::Result<std::shared_ptr<TurnTlsTunnel>> TurnTlsTunnel::open(asio::any_io_executor executor, std::string host,
                                                                 tcp::endpoint server, const std::string& ca_file) {
  auto context = core::http::tls_client_context(ca_file);
  if (!context) return context.error();
  auto listener = std::make_shared<Listener>(executor, std::move(host), std::move(server), *std::move(context));
  if (const error_code ec = listener->listen()) {
    return core::make_error(core::ErrorCode::unavailable, "no port for TURN over TLS: " + ec.message());
  }
  std::shared_ptr<TurnTlsTunnel> tunnel(new TurnTlsTunnel(listener));
  asio::co_spawn(executor, Listener::run(std::move(listener)), asio::detached);
  return tunnel;
}

tcp::endpoint TurnTlsTunnel::local() const {
  error_code ec;
  return listener_->acceptor.local_endpoint(ec);
}

}  // namespace partyline::rtp
