#include "rtp/transport/ice_tcp_server.hpp"

#include <boost/asio/ip/v6_only.hpp>

#include "core/client_network.hpp"
#include "core/counters.hpp"
#include "rtp/transport/ice_tcp_connection.hpp"

namespace partyline::rtp {
namespace {

using boost::asio::ip::tcp;

// Bytes: at 2 Mbit/s and a round trip of 200 ms 50 KB are under way. More would only make the picture late.
constexpr int kKernelSendBuffer = 128 * 1024;
constexpr core::Duration kAcceptPause = std::chrono::milliseconds(100);

struct Refusals {
  core::Counter& limit = core::counter("partyline_ice_tcp_refused_total", R"(reason="limit")");
  core::Counter& address = core::counter("partyline_ice_tcp_refused_total", R"(reason="limit_of_address")");
  core::Counter& unproved = core::counter("partyline_ice_tcp_refused_total", R"(reason="not_proved")");
  core::Counter& stalled = core::counter("partyline_ice_tcp_refused_total", R"(reason="stalled")");
  core::Counter& accept = core::counter("partyline_ice_tcp_refused_total", R"(reason="accept_failed")");
};
Refusals& refusals() {
  static Refusals instance;
  return instance;
}

}  // namespace

struct IceTcpServer::Listener {
  explicit Listener(const boost::asio::any_io_executor& executor) : acceptor(executor), pause(executor) {}
  tcp::acceptor acceptor;
  boost::asio::steady_timer pause;
};

IceTcpServer::IceTcpServer(boost::asio::any_io_executor executor, Limits limits)
    : executor_(executor), limits_(limits), listener_(std::make_unique<Listener>(executor)) {}

IceTcpServer::~IceTcpServer() {
  close();
}

core::Result<std::shared_ptr<IceTcpServer>> IceTcpServer::listen(boost::asio::any_io_executor executor,
                                                                 const Endpoint& local, Limits limits) {
  std::shared_ptr<IceTcpServer> server(new IceTcpServer(std::move(executor), limits));
  tcp::acceptor& acceptor = server->listener_->acceptor;
  const tcp::endpoint where(local.address(), local.port());
  boost::system::error_code ec;
  if (acceptor.open(where.protocol(), ec); !ec) acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  // The IPv6 wildcard serves IPv4, too.
  if (!ec && local.address().is_v6()) acceptor.set_option(boost::asio::ip::v6_only(false), ec);
  if (!ec) acceptor.bind(where, ec);
  if (!ec) acceptor.listen(boost::asio::socket_base::max_listen_connections, ec);
  if (!ec) acceptor.non_blocking(true, ec);
  if (ec) {
    const auto code = ec == boost::asio::error::address_in_use ? core::ErrorCode::conflict : core::ErrorCode::io;
    return core::make_error(code, "cannot listen on TCP " + local.address().to_string() + ":" +
                                      std::to_string(local.port()) + ": " + ec.message());
  }
  return server;
}

void IceTcpServer::start(Handlers handlers) {
  handlers_ = std::move(handlers);
  accept();
}

void IceTcpServer::accept() {
  listener_->acceptor.async_accept([weak = weak_from_this()](const boost::system::error_code& ec, tcp::socket socket) {
    const auto self = weak.lock();
    if (!self || self->closed_) return;
    if (!ec) {
      boost::system::error_code gone;
      const tcp::endpoint from = socket.remote_endpoint(gone);
      if (!gone) self->admit(std::move(socket), {from.address(), from.port()});
      return self->accept();
    }
    // Out of descriptors, most likely: trying again at once would only burn time.
    refusals().accept.add();
    self->listener_->pause.expires_after(kAcceptPause);
    self->listener_->pause.async_wait([weak](const boost::system::error_code& cancelled) {
      const auto later = weak.lock();
      if (!cancelled && later && !later->closed_) later->accept();
    });
  });
}

void IceTcpServer::admit(tcp::socket socket, const Endpoint& from) {
  const auto network = core::client_network(from.address());
  const auto known = unproved_.find(network);
  if (known != unproved_.end() && known->second >= limits_.unproved_per_address) return refusals().address.add();
  if (connections_.size() >= limits_.connections && !drop_oldest_unproved()) return refusals().limit.add();
  ++unproved_[network];
  boost::system::error_code ignored;
  socket.non_blocking(true, ignored);
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(boost::asio::socket_base::send_buffer_size(kKernelSendBuffer), ignored);
  const ConnectionId id = ++last_id_;
  const auto connection = std::make_shared<Connection>(*this, std::move(socket), id, from, core::Clock::now());
  connections_.emplace(id, connection);
  connection->start();
}

// Who fills the table with connections that prove nothing keeps nobody out: a real peer proves itself within a round
// trip.
bool IceTcpServer::drop_oldest_unproved() {
  ConnectionId oldest = 0;
  for (const auto& [id, connection] : connections_) {
    if (connection->stage == Connection::Stage::unproved && (oldest == 0 || id < oldest)) oldest = id;
  }
  if (oldest == 0) return false;
  refusals().unproved.add();
  drop(oldest);
  return true;
}

void IceTcpServer::no_longer_unproved(Connection& connection) {
  if (connection.stage != Connection::Stage::unproved) return;
  const auto it = unproved_.find(core::client_network(connection.from.address()));
  if (it != unproved_.end() && --it->second == 0) unproved_.erase(it);
}

bool IceTcpServer::send(ConnectionId id, std::span<const uint8_t> packet) {
  const auto it = connections_.find(id);
  return it != connections_.end() && it->second->send(packet, core::Clock::now());
}

void IceTcpServer::prove(ConnectionId id) {
  const auto it = connections_.find(id);
  if (it == connections_.end() || it->second->stage != Connection::Stage::unproved) return;
  no_longer_unproved(*it->second);
  it->second->stage = Connection::Stage::proved;
}

void IceTcpServer::release(ConnectionId id) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) return;
  no_longer_unproved(*it->second);
  it->second->release(core::Clock::now());
}

void IceTcpServer::drop(ConnectionId id) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) return;
  const std::shared_ptr<Connection> connection = std::move(it->second);
  connections_.erase(it);
  no_longer_unproved(*connection);
  connection->close();
  if (connection->stage == Connection::Stage::proved && handlers_.on_closed) handlers_.on_closed(id, connection->from);
}

void IceTcpServer::sweep(core::TimePoint now) {
  std::vector<ConnectionId> overdue;
  for (const auto& [id, connection] : connections_) {
    if (!connection->overdue(now)) continue;
    overdue.push_back(id);
    if (connection->stage == Connection::Stage::unproved) refusals().unproved.add();
    if (connection->stage == Connection::Stage::proved) refusals().stalled.add();
  }
  for (const ConnectionId id : overdue) drop(id);
}

void IceTcpServer::close() {
  if (std::exchange(closed_, true)) return;
  boost::system::error_code ignored;
  listener_->acceptor.close(ignored);
  listener_->pause.cancel();
  for (const auto& [id, connection] : std::exchange(connections_, {})) connection->close();
  unproved_.clear();
}

}  // namespace partyline::rtp
