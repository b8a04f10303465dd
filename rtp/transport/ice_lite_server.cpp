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

// An IPv4 peer of an IPv6 socket must hear of its IPv4 address.
udp::endpoint unmapped(const udp::endpoint& endpoint) {
  if (!endpoint.address().is_v6() || !endpoint.address().to_v6().is_v4_mapped()) return endpoint;
  return {boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, endpoint.address().to_v6()), endpoint.port()};
}

// RFC 8445 §5.1.2.1: host type, component 1; earlier addresses are preferred.
std::string candidate(size_t index, const address& host, uint16_t port) {
  const uint32_t priority = (126u << 24) | ((65535u - static_cast<uint32_t>(index)) << 8) | 255u;
  return fmt::format("{} 1 udp {} {} {} typ host", index + 1, priority, host.to_string(), port);
}

core::Result<std::vector<std::string>> candidates_of(const IceLiteConfig& config, const udp::endpoint& local) {
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
  std::vector<std::string> result;
  for (const address& host : addresses) result.push_back(candidate(result.size(), host, local.port()));
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

  void on_packet(core::Buffer packet, const udp::endpoint& from, const LocalAddress& local) {
    const core::TimePoint now = core::Clock::now();
    const PacketKind kind = classify(packet.span());
    if (kind == PacketKind::stun) return on_stun(packet.span(), from, local, now);
    if (kind == PacketKind::unknown) return drops().unknown.add();
    IceLiteSession* session = shared->table.find(from);
    if (session == nullptr) return drops().stranger.add();
    const auto keep = session->shared_from_this();
    session->receive(std::move(packet), from, now);
  }

  void on_stun(std::span<const uint8_t> packet, const udp::endpoint& from, const LocalAddress& local,
               core::TimePoint now) {
    IceLiteSession* session = nullptr;
    const StunAnswer answer = answer_binding(packet, unmapped(from), [&](std::string_view ufrag) -> const std::string* {
      session = shared->table.find(ufrag);
      return session == nullptr ? nullptr : &session->pwd();
    });
    if (answer.verdict != StunVerdict::accepted) counter_of(answer.verdict).add();
    if (answer.size > 0) shared->socket->send({answer.reply.data(), answer.size}, from, local);
    if (answer.verdict != StunVerdict::accepted || session == nullptr) return;
    const auto keep = session->shared_from_this();
    session->on_check(from, local, answer.use_candidate, now);
  }

  void sweep_later() {
    const auto shortest = std::min(config.connect_timeout, config.consent_timeout);
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
  auto socket = DatagramSocket::bind(impl_->executor, {listen, impl_->config.port},
                                     {.batch = kBatch, .kernel_buffer = kKernelBuffer});
  if (!socket) return socket.error().with_context("WebRTC media port");
  auto candidates = candidates_of(impl_->config, (*socket)->local());
  if (!candidates) return candidates.error();
  impl_->shared->socket = *std::move(socket);
  impl_->shared->candidates = *std::move(candidates);
  impl_->running = true;
  impl_->shared->socket->start(
      [weak = std::weak_ptr(impl_)](core::Buffer packet, const udp::endpoint& from, const LocalAddress& local) {
        if (const auto self = weak.lock()) self->on_packet(std::move(packet), from, local);
      });
  impl_->sweep_later();
  return {};
}

void IceLiteServer::stop() {
  for (const auto& session : impl_->sessions()) {
    session->fail(core::make_error(core::ErrorCode::cancelled, "the server stops"));
  }
  impl_->end();
}

uint16_t IceLiteServer::port() const {
  return impl_->shared->socket ? impl_->shared->socket->local().port() : 0;
}

core::Result<std::shared_ptr<IceLiteTransport>> IceLiteServer::create(const IceDescription& remote,
                                                                      TransportEvents& events) {
  if (!impl_->running) return core::make_error(core::ErrorCode::unavailable, "the ICE server does not run");
  if (impl_->shared->table.size() >= impl_->config.max_sessions) {
    return core::make_error(core::ErrorCode::limit, "too many WebRTC sessions");
  }
  auto peer = SecurePeer::from(remote);
  if (!peer) return peer.error();
  return std::make_shared<IceLiteSession>(impl_->executor, impl_->shared, impl_->identity, *std::move(peer), events,
                                          core::Clock::now());
}

}  // namespace partyline::rtp
