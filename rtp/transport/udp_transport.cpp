#include "rtp/transport/udp_transport.hpp"

#include <boost/asio/post.hpp>

#include "core/counters.hpp"
#include "rtp/transport/address_latch.hpp"
#include "rtp/transport/datagram_socket.hpp"
#include "rtp/transport/host_addresses.hpp"
#include "rtp/transport/packet_kind.hpp"

namespace partyline::rtp {
namespace {

using boost::asio::ip::udp;

static_assert(UdpTransport::kProbation == AddressLatch::kProbation);

struct Drops {
  core::Counter& stranger = core::counter("partyline_udp_dropped_total", R"(reason="stranger")");
  core::Counter& not_media = core::counter("partyline_udp_dropped_total", R"(reason="not_media")");
  core::Counter& no_remote = core::counter("partyline_udp_dropped_total", R"(reason="no_remote")");
};
Drops& drops() {
  static Drops instance;
  return instance;
}

}  // namespace

uint16_t PortPool::next() {
  const uint32_t first = (uint32_t{first_} + 1) & ~1u;
  uint32_t port = (next_ + 1) & ~1u;
  if (port < first || port + 1 > last_) port = first;
  next_ = port + 2;
  return static_cast<uint16_t>(port);
}

struct UdpTransport::Impl : std::enable_shared_from_this<UdpTransport::Impl> {
  // What each packet needs comes first.
  TransportEvents* events = nullptr;
  std::shared_ptr<DatagramSocket> rtp_socket;
  AddressLatch latch;
  udp::endpoint rtcp_remote;
  bool rtcp_mux = false;
  std::shared_ptr<DatagramSocket> rtcp_socket;
  boost::asio::any_io_executor executor;

  void on_packet(core::Buffer packet, const udp::endpoint& from, bool on_rtp_socket) {
    if (events == nullptr) return;
    const core::TimePoint now = core::Clock::now();
    switch (classify(packet.span())) {
      case PacketKind::rtp:
        if (!on_rtp_socket) return drops().not_media.add();
        if (!latch.receive(from, ssrc_of_rtp(packet.span()), now)) return drops().stranger.add();
        return events->on_rtp(std::move(packet), now);
      case PacketKind::rtcp:
        if (!accept_rtcp(from, on_rtp_socket)) return drops().stranger.add();
        return events->on_rtcp(std::move(packet), now);
      default:
        return drops().not_media.add();
    }
  }

  // RTCP is believed from the host that RTP goes to, whatever its port, and answered where it came from. Besides, the
  // SDP's own RTCP address counts, and anybody's while there is nowhere to send (hold).
  bool accept_rtcp(const udp::endpoint& from, bool on_rtp_socket) {
    const auto target = latch.target();
    if (!target) return true;
    const bool same_host = unmapped(from).address() == unmapped(*target).address();
    if (!same_host && unmapped(from) == unmapped(rtcp_remote)) return true;
    if (!latch.receive_rtcp(from, on_rtp_socket)) return false;
    if (!on_rtp_socket) rtcp_remote = from;
    return true;
  }

  void send(const std::shared_ptr<DatagramSocket>& socket, std::span<const uint8_t> packet,
            const std::optional<udp::endpoint>& to) {
    if (!to || to->port() == 0) return drops().no_remote.add();
    socket->send(packet, *to);
  }
};

UdpTransport::UdpTransport(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

UdpTransport::~UdpTransport() {
  close();
}

core::Result<std::shared_ptr<UdpTransport>> UdpTransport::open(boost::asio::any_io_executor executor,
                                                               const boost::asio::ip::address& address, PortPool& ports,
                                                               size_t batch) {
  const int pairs = (int{ports.last()} - int{ports.first()} + 1) / 2;
  for (int i = 0; i < pairs; ++i) {
    const uint16_t port = ports.next();
    auto rtp = DatagramSocket::bind(executor, {address, port},
                                    {.batch = batch, .reply_from_local = false, .one_of_many = true});
    if (!rtp && rtp.error().code == core::ErrorCode::conflict) continue;
    if (!rtp) return rtp.error().with_context("RTP port");
    auto rtcp = DatagramSocket::bind(executor, {address, static_cast<uint16_t>(port + 1)},
                                     {.batch = 1, .reply_from_local = false, .one_of_many = true});
    if (!rtcp && rtcp.error().code == core::ErrorCode::conflict) continue;
    if (!rtcp) return rtcp.error().with_context("RTCP port");
    auto impl = std::make_shared<Impl>();
    impl->executor = executor;
    impl->rtp_socket = *std::move(rtp);
    impl->rtcp_socket = *std::move(rtcp);
    return std::shared_ptr<UdpTransport>(new UdpTransport(std::move(impl)));
  }
  return core::make_error(core::ErrorCode::limit, "no free pair of RTP ports in " + std::to_string(ports.first()) +
                                                      "–" + std::to_string(ports.last()));
}

uint16_t UdpTransport::local_rtp_port() const {
  return impl_->rtp_socket->local().port();
}

uint16_t UdpTransport::local_rtcp_port() const {
  return impl_->rtcp_socket->local().port();
}

void UdpTransport::set_remote(const udp::endpoint& rtp, const udp::endpoint& rtcp, bool rtcp_mux) {
  impl_->latch.set_remote(rtp);
  impl_->rtcp_remote = rtcp;
  impl_->rtcp_mux = rtcp_mux;
}

udp::endpoint UdpTransport::remote_rtp() const {
  return impl_->latch.target().value_or(udp::endpoint());
}

void UdpTransport::start(TransportEvents& events) {
  impl_->events = &events;
  // Without a share of its own, the handler needs no memory of its own; the socket calls it until close() only.
  impl_->rtp_socket->start([impl = impl_.get()](core::Buffer packet, const udp::endpoint& from, const LocalAddress&) {
    impl->on_packet(std::move(packet), from, true);
  });
  impl_->rtcp_socket->start([impl = impl_](core::Buffer packet, const udp::endpoint& from, const LocalAddress&) {
    impl->on_packet(std::move(packet), from, false);
  });
  boost::asio::post(impl_->executor, [impl = impl_] {
    if (impl->events != nullptr) impl->events->on_transport_connected();
  });
}

void UdpTransport::send_rtp(std::span<const uint8_t> packet) {
  impl_->send(impl_->rtp_socket, packet, impl_->latch.target());
}

void UdpTransport::send_rtcp(std::span<const uint8_t> packet) {
  const auto target = impl_->latch.target();
  if (impl_->rtcp_mux || !target) return impl_->send(impl_->rtp_socket, packet, target);
  impl_->send(impl_->rtcp_socket, packet, impl_->rtcp_remote);
}

void UdpTransport::begin_burst() {
  impl_->rtp_socket->begin_burst();
}

void UdpTransport::end_burst() {
  impl_->rtp_socket->end_burst();
}

void UdpTransport::add_footprint(core::Footprint& footprint) const {
  footprint.add(*this);
  footprint.add_between(impl_.get(), &impl_->rtcp_remote);
  impl_->rtp_socket->add_footprint(footprint);
}

void UdpTransport::set_footprint(const core::Footprint& footprint) {
  impl_->rtp_socket->set_footprint(footprint);
}

void UdpTransport::close() {
  impl_->events = nullptr;
  impl_->rtp_socket->close();
  impl_->rtcp_socket->close();
}

}  // namespace partyline::rtp
