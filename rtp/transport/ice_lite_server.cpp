#include "rtp/transport/ice_lite_server.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>

#include "core/counters.hpp"
#include "rtp/transport/host_addresses.hpp"
#include "rtp/transport/ice_lite_session.hpp"
#include "rtp/transport/packet_kind.hpp"
#include "rtp/transport/stun_message.hpp"

namespace partyline::rtp {
namespace {

using boost::asio::ip::address;
using boost::asio::ip::udp;

constexpr size_t kKernelBuffer = 4 << 20;  // bytes: 30 ms of a gigabit
constexpr size_t kBatch = 32;              // packets a recvmmsg

struct Drops {
  core::Counter& stun_malformed = core::counter("partyline_ice_dropped_total", R"(reason="stun_malformed")");
  core::Counter& not_a_request = core::counter("partyline_ice_dropped_total", R"(reason="stun_not_a_request")");
  core::Counter& unknown_user = core::counter("partyline_ice_dropped_total", R"(reason="stun_unknown_user")");
  core::Counter& forged = core::counter("partyline_ice_dropped_total", R"(reason="stun_forged")");
  core::Counter& refused = core::counter("partyline_ice_dropped_total", R"(reason="stun_refused")");
  core::Counter& stranger = core::counter("partyline_ice_dropped_total", R"(reason="stranger")");
  core::Counter& unknown = core::counter("partyline_ice_dropped_total", R"(reason="unknown_protocol")");
};
Drops& drops() {
  static Drops instance;
  return instance;
}

core::Counter& counter_of(StunVerdict verdict) {
  switch (verdict) {
    case StunVerdict::not_a_request:
      return drops().not_a_request;
    case StunVerdict::unknown_user:
      return drops().unknown_user;
    case StunVerdict::forged:
      return drops().forged;
    case StunVerdict::refused:
      return drops().refused;
    default:
      return drops().stun_malformed;
  }
}

// RFC 8445 §5.1.2.1: host type, component 1; earlier addresses are preferred.
std::string udp_candidate(size_t index, const address& host, uint16_t port) {
  const uint32_t priority = (126u << 24) | ((65535u - static_cast<uint32_t>(index)) << 8) | 255u;
  return fmt::format("{} 1 udp {} {} {} typ host", index + 1, priority, host.to_string(), port);
}

// RFC 6544 §4.2: below every UDP candidate; the local preference begins with that of the direction, 4 for passive.
std::string tcp_candidate(size_t index, size_t foundation, const address& host, uint16_t port) {
  const uint32_t preference = (4u << 13) | (8191u - static_cast<uint32_t>(index));
  const uint32_t priority = (90u << 24) | (preference << 8) | 255u;
  return fmt::format("{} 1 tcp {} {} {} typ host tcptype passive", foundation, priority, host.to_string(), port);
}

core::Result<std::vector<address>> addresses_of(const IceLiteConfig& config, const udp::endpoint& local) {
  std::vector<address> addresses;
  for (const std::string& text : config.advertised_addresses) {
    boost::system::error_code ec;
    addresses.push_back(boost::asio::ip::make_address(text, ec));
    if (ec) return core::make_error(core::ErrorCode::invalid, "advertised address '" + text + "' is no IP address");
  }
  if (addresses.empty() && !local.address().is_unspecified()) addresses.push_back(local.address());
  if (addresses.empty()) {
    addresses = host_addresses(local.address().is_v6() ? AddressFamilies::both : AddressFamilies::v4);
  }
  return addresses;
}

std::vector<std::string> candidates_of(const std::vector<address>& hosts, uint16_t port, bool tcp) {
  std::vector<std::string> result;
  for (size_t i = 0; i < hosts.size(); ++i) result.push_back(udp_candidate(i, hosts[i], port));
  for (size_t i = 0; tcp && i < hosts.size(); ++i)
    result.push_back(tcp_candidate(i, hosts.size() + i + 1, hosts[i], port));
  return result;
}

}  // namespace

struct IceLiteServer::Impl : std::enable_shared_from_this<IceLiteServer::Impl> {
  boost::asio::any_io_executor executor;
  IceLiteConfig config;
  std::shared_ptr<const DtlsIdentity> identity;
  std::shared_ptr<IceLiteShared> shared = std::make_shared<IceLiteShared>();
  boost::asio::steady_timer sweep_timer;
  bool running = false;

  Impl(boost::asio::any_io_executor ex, IceLiteConfig c, std::shared_ptr<const DtlsIdentity> id)
      : executor(ex), config(std::move(c)), identity(std::move(id)), sweep_timer(ex) {}

  void on_packet(core::Buffer packet, const IceRemoteKey& from, const LocalAddress& local) {
    const core::TimePoint now = core::Clock::now();
    const PacketKind kind = classify(packet.span());
    if (kind == PacketKind::stun) return on_stun(packet.span(), from, local, now);
    if (kind == PacketKind::unknown) return drops().unknown.add();
    IceLiteSession* session = shared->table.find(from);
    if (session == nullptr) return drops().stranger.add();
    const auto keep = session->shared_from_this();
    session->receive(std::move(packet), from, now);
  }

  void on_stun(std::span<const uint8_t> packet, const IceRemoteKey& from, const LocalAddress& local,
               core::TimePoint now) {
    IceLiteSession* session = nullptr;
    std::string_view used;
    const auto password_of = [&](std::string_view ufrag) -> const std::string* {
      session = shared->table.find(ufrag);
      used = ufrag;
      return session == nullptr ? nullptr : session->pwd_of(ufrag);
    };
    const StunAnswer answer = answer_binding(packet, unmapped(from.endpoint), password_of);
    if (answer.verdict != StunVerdict::accepted) counter_of(answer.verdict).add();
    if (answer.size > 0) shared->send({answer.reply.data(), answer.size}, {from, local, now});
    if (answer.verdict != StunVerdict::accepted || session == nullptr) return;
    const auto keep = session->shared_from_this();
    if (from.connection != 0) shared->tcp->prove(from.connection);
    session->on_check(used, from, local, answer.use_candidate, now);
  }

  // The peer may come again over another connection: only time ends the session.
  void on_tcp_closed(const IceRemoteKey& remote) {
    if (IceLiteSession* session = shared->table.find(remote)) session->lost_remote(remote);
    shared->table.release(remote);
  }

  void sweep_later() {
    const auto shortest = std::min({config.connect_timeout, config.silence_timeout, config.consent_timeout});
    sweep_timer.expires_after(
        std::clamp<core::Duration>(shortest / 10, std::chrono::milliseconds(10), std::chrono::milliseconds(500)));
    sweep_timer.async_wait([weak = weak_from_this()](const boost::system::error_code& ec) {
      const auto self = weak.lock();
      if (ec || !self || !self->running) return;
      self->sweep(core::Clock::now());
      self->sweep_later();
    });
  }

  void sweep(core::TimePoint now) {
    std::vector<std::pair<std::shared_ptr<IceLiteSession>, core::Error>> overdue;
    for (IceLiteSession* session : shared->table.all()) {
      if (auto why = session->overdue(config, now)) overdue.emplace_back(session->shared_from_this(), *std::move(why));
    }
    for (const auto& [session, why] : overdue) session->fail(why);
    if (shared->tcp) shared->tcp->sweep(now);
  }

  std::vector<std::shared_ptr<IceLiteSession>> sessions() const {
    std::vector<std::shared_ptr<IceLiteSession>> result;
    for (IceLiteSession* session : shared->table.all()) result.push_back(session->shared_from_this());
    return result;
  }

  void end() {
    running = false;
    sweep_timer.cancel();
    if (shared->socket) shared->socket->close();
    if (shared->tcp) shared->tcp->close();
  }

  core::Result<> bind(const address& where) {
    // With any port asked for, UDP's may be taken on TCP.
    const int attempts = config.port == 0 && config.tcp ? 20 : 1;
    for (int attempt = 1;; ++attempt) {
      auto socket =
          DatagramSocket::bind(executor, {where, config.port}, {.batch = kBatch, .kernel_buffer = kKernelBuffer});
      if (!socket) return socket.error();
      shared->socket = *std::move(socket);
      if (!config.tcp) return {};
      auto tcp = IceTcpServer::listen(executor, shared->socket->local(), {});
      if (tcp) {
        shared->tcp = *std::move(tcp);
        return {};
      }
      shared->socket->close();
      shared->socket.reset();
      if (attempt == attempts) return tcp.error();
    }
  }

  core::Result<> bind_wildcard_or(const address& where) {
    auto bound = bind(where);
    if (bound || where != boost::asio::ip::address_v6::any() || bound.error().code == core::ErrorCode::conflict) {
      return bound;
    }
    return bind(boost::asio::ip::address_v4::any());  // a machine without IPv6
  }

  void listen() {
    const auto weak = weak_from_this();
    shared->socket->start([weak](core::Buffer packet, const udp::endpoint& from, const LocalAddress& local) {
      if (const auto self = weak.lock()) self->on_packet(std::move(packet), from, local);
    });
    if (!shared->tcp) return;
    IceTcpServer::Handlers handlers;
    handlers.on_packet = [weak](core::Buffer packet, uint64_t connection, const udp::endpoint& from) {
      if (const auto self = weak.lock()) self->on_packet(std::move(packet), {from, connection}, {});
    };
    handlers.on_closed = [weak](uint64_t connection, const udp::endpoint& from) {
      if (const auto self = weak.lock()) self->on_tcp_closed({from, connection});
    };
    shared->tcp->start(std::move(handlers));
  }
};

IceLiteServer::IceLiteServer(boost::asio::any_io_executor executor, IceLiteConfig config,
                             std::shared_ptr<const DtlsIdentity> identity)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(config), std::move(identity))) {}

IceLiteServer::~IceLiteServer() {
  for (const auto& session : impl_->sessions()) session->close();
  impl_->end();
}

core::Result<> IceLiteServer::start() {
  if (impl_->running) return core::make_error(core::ErrorCode::conflict, "the ICE server runs already");
  boost::system::error_code ec;
  const auto listen = boost::asio::ip::make_address(impl_->config.listen_address, ec);
  if (ec) {
    return core::make_error(core::ErrorCode::invalid,
                            "'" + impl_->config.listen_address + "' is no IP address to listen on");
  }
  if (auto bound = impl_->bind_wildcard_or(listen); !bound) return bound.error().with_context("WebRTC media port");
  IceLiteShared& shared = *impl_->shared;
  auto addresses = addresses_of(impl_->config, shared.socket->local());
  if (!addresses) return addresses.error();
  shared.candidates = candidates_of(*addresses, port(), shared.tcp != nullptr);
  impl_->running = true;
  impl_->listen();
  impl_->sweep_later();
  return {};
}

void IceLiteServer::stop() {
  for (const auto& session : impl_->sessions()) {
    session->fail(core::make_error(core::ErrorCode::cancelled, "the server stops"));
  }
  impl_->end();
}

void IceLiteServer::set_identity(std::shared_ptr<const DtlsIdentity> identity) {
  impl_->identity = std::move(identity);
}

uint16_t IceLiteServer::port() const {
  return impl_->shared->socket ? impl_->shared->socket->local().port() : 0;
}

core::Result<std::shared_ptr<IceLiteTransport>> IceLiteServer::create(const IceDescription& remote,
                                                                      TransportEvents& events) {
  if (!impl_->running) return core::make_error(core::ErrorCode::unavailable, "the ICE server does not run");
  if (impl_->shared->sessions >= impl_->config.max_sessions) {
    return core::make_error(core::ErrorCode::limit, "too many WebRTC sessions");
  }
  auto peer = SecurePeer::from(remote);
  if (!peer) return peer.error();
  return std::make_shared<IceLiteSession>(impl_->executor, impl_->shared, impl_->identity, *std::move(peer), events,
                                          core::Clock::now());
}

}  // namespace partyline::rtp
