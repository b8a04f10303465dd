#include "rtp/transport/udp_transport.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/counters.hpp"
#include "rtp/transport/packet_kind.hpp"
#include "tests/rtp/transport/support.hpp"

namespace partyline::rtp {
namespace {

using boost::asio::ip::udp;
using namespace test;

const auto kLoopback = boost::asio::ip::make_address("127.0.0.1");

// Other tests of this machine look for ports, too: start somewhere else each time.
PortPool free_ports() {
  const auto first = static_cast<uint16_t>(31000 + (::getpid() * 40) % 20000);
  return PortPool(first, static_cast<uint16_t>(first + 199));
}

TEST(PortPool, hands_out_even_ports_round_robin) {
  PortPool ports(20001, 20006);
  EXPECT_EQ(ports.next(), 20002);
  EXPECT_EQ(ports.next(), 20004);
  EXPECT_EQ(ports.next(), 20002) << "20006 has no odd neighbour in the range";
}

TEST(PortPool, does_not_wrap_around_at_the_end_of_all_ports) {
  PortPool ports(65532, 65535);
  EXPECT_EQ(ports.next(), 65532);
  EXPECT_EQ(ports.next(), 65534);
  EXPECT_EQ(ports.next(), 65532);
}

TEST(PacketKind, is_told_by_the_first_bytes) {
  const auto kind = [](uint8_t first, uint8_t second, size_t size) {
    std::vector<uint8_t> packet(size);
    if (size > 0) packet[0] = first;
    if (size > 1) packet[1] = second;
    return classify(packet);
  };
  EXPECT_EQ(kind(0, 1, 20), PacketKind::stun);
  EXPECT_EQ(kind(0, 1, 19), PacketKind::unknown);
  EXPECT_EQ(kind(22, 254, 13), PacketKind::dtls);
  EXPECT_EQ(kind(22, 254, 12), PacketKind::unknown);
  EXPECT_EQ(kind(0x80, 96, 12), PacketKind::rtp);
  EXPECT_EQ(kind(0x80, 96, 11), PacketKind::unknown);
  EXPECT_EQ(kind(0x80, 0x80 | 96, 12), PacketKind::rtp) << "the marker bit is not RTCP";
  EXPECT_EQ(kind(0x80, 200, 8), PacketKind::rtcp);
  EXPECT_EQ(kind(0x80, 223, 8), PacketKind::rtcp);
  EXPECT_EQ(kind(0x80, 224, 12), PacketKind::rtp);
  EXPECT_EQ(kind(192, 0, 100), PacketKind::unknown);
  EXPECT_EQ(kind(0, 0, 0), PacketKind::unknown);
}

struct UdpTransportTest : testing::Test {
  boost::asio::io_context io;
  PortPool ports = free_ports();
  RecordingEvents a_events, b_events;
  std::shared_ptr<UdpTransport> a = *UdpTransport::open(io.get_executor(), kLoopback, ports);
  std::shared_ptr<UdpTransport> b = *UdpTransport::open(io.get_executor(), kLoopback, ports);

  static udp::endpoint rtp_of(const UdpTransport& t) { return {kLoopback, t.local_rtp_port()}; }
  static udp::endpoint rtcp_of(const UdpTransport& t) { return {kLoopback, t.local_rtcp_port()}; }
  void connect(bool mux) {
    a->set_remote(rtp_of(*b), rtcp_of(*b), mux);
    b->set_remote(rtp_of(*a), rtcp_of(*a), mux);
    a->start(a_events);
    b->start(b_events);
  }
  ~UdpTransportTest() override {
    a->close();
    b->close();
    io.poll();
  }
};

TEST_F(UdpTransportTest, binds_an_even_port_and_its_neighbour) {
  EXPECT_EQ(a->local_rtp_port() % 2, 0);
  EXPECT_EQ(a->local_rtcp_port(), a->local_rtp_port() + 1);
  EXPECT_NE(a->local_rtp_port(), b->local_rtp_port());
}

TEST_F(UdpTransportTest, says_so_when_the_range_is_used_up) {
  PortPool taken(a->local_rtp_port(), a->local_rtcp_port());
  const auto result = UdpTransport::open(io.get_executor(), kLoopback, taken);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, core::ErrorCode::limit);
}

TEST_F(UdpTransportTest, carries_rtp_and_rtcp_on_neighbouring_ports) {
  connect(false);
  const auto media = rtp_packet(65535, 7);
  const auto report = rtcp_packet(7);
  a->send_rtp(media);
  a->send_rtcp(report);
  b->send_rtp(media);
  ASSERT_TRUE(run_until(io, [&] { return !b_events.rtp.empty() && !b_events.rtcp.empty() && !a_events.rtp.empty(); }));
  EXPECT_EQ(b_events.rtp[0], media);
  EXPECT_EQ(b_events.rtcp[0], report);
  EXPECT_EQ(a_events.connected, 1);
  EXPECT_EQ(b_events.connected, 1);
}

TEST_F(UdpTransportTest, carries_both_on_one_port_with_rtcp_mux) {
  connect(true);
  udp::socket outside(io, udp::endpoint(kLoopback, 0));
  a->set_remote(outside.local_endpoint(), {}, true);
  a->send_rtcp(rtcp_packet(1));
  std::vector<uint8_t> bytes(100);
  udp::endpoint from;
  bytes.resize(outside.receive_from(boost::asio::buffer(bytes), from));
  EXPECT_EQ(bytes, rtcp_packet(1));
  EXPECT_EQ(from, rtp_of(*a));
  b->send_rtcp(rtcp_packet(2));
  outside.send_to(boost::asio::buffer(rtcp_packet(3)), rtp_of(*a));
  EXPECT_TRUE(run_until(io, [&] { return a_events.rtcp.size() == 2; })) << "the same host is believed on any port";
}

TEST_F(UdpTransportTest, a_burst_arrives_whole_and_in_order_whatever_the_sizes) {
  connect(true);
  std::vector<std::vector<uint8_t>> sent;
  a->begin_burst();
  for (uint16_t i = 0; i < 80; ++i) {
    // Runs of one size with a shorter last one, as pictures make them, and lonely ones between.
    const size_t payload = i % 9 == 8 ? 400 : i % 20 == 0 ? 33 : 1100;
    sent.push_back(rtp_packet(i, 7, payload));
    a->send_rtp(sent.back());
    if (i == 40) a->send_rtcp(rtcp_packet(7));
  }
  a->end_burst();
  ASSERT_TRUE(run_until(io, [&] { return b_events.rtp.size() == sent.size() && b_events.rtcp.size() == 1; }));
  EXPECT_EQ(b_events.rtp, sent);
}

TEST_F(UdpTransportTest, what_a_burst_holds_back_leaves_before_the_socket_closes) {
  connect(true);
  a->begin_burst();
  a->send_rtp(rtp_packet(1, 7));
  a->send_rtcp(rtcp_packet(7));
  a->close();
  a->end_burst();
  EXPECT_TRUE(run_until(io, [&] { return b_events.rtp.size() == 1 && b_events.rtcp.size() == 1; }));
}

TEST_F(UdpTransportTest, follows_a_peer_that_sends_from_another_port_than_its_sdp_said) {
  connect(false);
  udp::socket outside(io, udp::endpoint(kLoopback, 0));
  a->set_remote({kLoopback, 9}, {kLoopback, 10}, false);
  for (uint16_t i = 0; i < 3; ++i) {
    outside.send_to(boost::asio::buffer(rtp_packet(static_cast<uint16_t>(65534 + i), 5)), rtp_of(*a));
  }
  ASSERT_TRUE(run_until(io, [&] { return a_events.rtp.size() == 3; })) << "not even the first packet is lost";
  EXPECT_EQ(a->remote_rtp(), outside.local_endpoint());
  udp::socket rtcp_outside(io, udp::endpoint(kLoopback, 0));
  rtcp_outside.send_to(boost::asio::buffer(rtcp_packet(1)), rtcp_of(*a));
  ASSERT_TRUE(run_until(io, [&] { return !a_events.rtcp.empty(); }));
  a->send_rtcp(rtcp_packet(4));
  std::vector<uint8_t> bytes(100);
  udp::endpoint from;
  bytes.resize(rtcp_outside.receive_from(boost::asio::buffer(bytes), from));
  EXPECT_EQ(bytes, rtcp_packet(4));
}

TEST_F(UdpTransportTest, drops_and_counts_what_is_not_media) {
  connect(false);
  auto& dropped = core::counter("partyline_udp_dropped_total", R"(reason="not_media")");
  const auto before = dropped.value();
  udp::socket outside(io, udp::endpoint(kLoopback, 0));
  outside.send_to(boost::asio::buffer(std::vector<uint8_t>(100, 0)), rtp_of(*a));
  outside.send_to(boost::asio::buffer(std::vector<uint8_t>{}), rtp_of(*a));
  outside.send_to(boost::asio::buffer(rtp_packet(1, 1)), rtcp_of(*a));
  outside.send_to(boost::asio::buffer(rtp_packet(1, 1, 3000)), rtp_of(*a));
  EXPECT_TRUE(run_until(io, [&] { return dropped.value() == before + 3; }));
  EXPECT_TRUE(a_events.rtp.empty());
}

TEST_F(UdpTransportTest, says_nothing_after_close) {
  connect(false);
  b->send_rtp(rtp_packet(1, 1));
  a->close();
  a->close();
  a->send_rtp(rtp_packet(1, 1));
  io.run_for(std::chrono::milliseconds(20));
  EXPECT_EQ(a_events.connected, 0);
  EXPECT_TRUE(a_events.rtp.empty());
}

}  // namespace
}  // namespace partyline::rtp
