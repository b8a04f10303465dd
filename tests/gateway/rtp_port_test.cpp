// What a leg's port makes of SDP that changes: over real sockets on 127.0.0.1, with a peer that says by REMB what it
// takes.
#include "gateway/rtp_port.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "gateway/outbox.hpp"
#include "rtp/rtcp/rtcp.hpp"
#include "tests/support/event_loop.hpp"

namespace partyline::gateway {
namespace {

using boost::asio::ip::udp;
using namespace std::chrono_literals;
constexpr core::Bitrate kWish = core::Bitrate::kbps(1500), kTaken = core::Bitrate::kbps(400);

struct RtpPortTest : testing::Test {
  void SetUp() override {
    services.executor = io.get_executor();
    services.ports = &ports;
    services.outbox = Outbox::create(io.get_executor());
    RtpPort::Handlers handlers;
    handlers.on_target_bitrate = [this](core::Bitrate target) { told = target; };
    auto opened = RtpPort::open(services, loopback, core::MediaKind::video, std::move(handlers));
    ASSERT_TRUE(opened);
    port = *opened;
    configure_for(peer);
    port->set_bitrate_wish(kWish);
    takes(kTaken);
    ASSERT_TRUE(test::run_until(io, [&] { return told == kTaken; }));
  }
  void TearDown() override {
    if (port) port->close();
    port.reset();
    services.outbox.reset();
    io.restart();
    io.run_for(20ms);
  }

  /// Its SDP names this peer now.
  void configure_for(const udp::socket& whom) { configure_for("127.0.0.1", whom.local_endpoint().port()); }
  void configure_for(const std::string& address, uint16_t number) {
    rtp::PayloadFormat format;
    format.payload_type = 96;
    format.codec = core::Codec::vp8;
    format.remb = true;
    rtp::sdp::NegotiatedMedia media;
    media.track.kind = core::MediaKind::video;
    media.track.sending = media.track.receiving = true;
    media.track.receive_formats = {format};
    media.track.send_format = format;
    media.track.feedback_profile = true;
    media.rtcp_mux = true;
    media.remote_address = address;
    media.remote_port = media.remote_rtcp_port = number;
    ASSERT_TRUE(port->configure(media, nullptr, "test"));
  }
  void takes(core::Bitrate most) {
    std::array<uint8_t, 100> room;
    rtp::rtcp::Writer writer(room);
    const uint32_t ssrc = port->ssrc();
    ASSERT_TRUE(writer.receiver_report({77, {}}) &&
                writer.remb(77, static_cast<uint64_t>(most.bits_per_second), {&ssrc, 1}));
    peer.send_to(boost::asio::buffer(writer.packet().data(), writer.packet().size()),
                 udp::endpoint(loopback, port->local_port()));
  }
  /// What the encoder is told after another offer and answer.
  std::optional<core::Bitrate> told_next() {
    test::run_until(
        io, [&] { return told.has_value(); }, 3s);
    return std::exchange(told, std::nullopt);
  }

  boost::asio::io_context io;
  const boost::asio::ip::address loopback = boost::asio::ip::make_address("127.0.0.1");
  const uint16_t first = static_cast<uint16_t>(31000 + (::getpid() * 40) % 20000);  // other tests look for ports, too
  rtp::PortPool ports{first, static_cast<uint16_t>(first + 199)};
  Services services;
  udp::socket peer{io, {loopback, 0}}, next{io, {loopback, 0}};
  std::optional<core::Bitrate> told;
  std::shared_ptr<RtpPort> port;
};

TEST_F(RtpPortTest, what_a_peer_takes_holds_through_a_hold) {
  told.reset();
  configure_for("0.0.0.0", 9);
  configure_for(peer);
  EXPECT_EQ(told_next(), kTaken);
}

TEST_F(RtpPortTest, what_a_peer_takes_says_nothing_of_another) {
  told.reset();
  configure_for("0.0.0.0", 9);
  configure_for(next);
  EXPECT_EQ(told_next(), kWish);
}

}  // namespace
}  // namespace partyline::gateway
