// Repetition on sources of their own (RFC 4588), from the publisher and to the player.
#include "tests/sfu/router_test_support.hpp"

namespace partyline::sfu::router_test {
namespace {

class RouterRtxTest : public RouterTest {
 protected:
  static constexpr uint8_t kRtxPt = 109, kPlayerRtxPt = 99;
  static constexpr uint32_t kRtxSsrc = 0xC0, kPlayerRtx = 0x1C;

  RouterRtxTest() {
    auto formats = publisher_formats();
    formats.video->rtx_payload_type = kRtxPt;
    formats.video->ssrcs = {kVideoSsrc};
    router_.set_publisher(formats, publisher_, now_);
  }
  StreamRouter::PlayerId join_with_rtx(Peer& peer) {
    auto formats = player_formats();
    formats.video[0].rtx_payload_type = kPlayerRtxPt;
    formats.video_rtx_ssrc = kPlayerRtx;
    return router_.add_player(formats, peer, now_);
  }
  void repetition(uint16_t original, uint32_t timestamp, std::vector<uint8_t> payload) {
    payload.insert(payload.begin(), {static_cast<uint8_t>(original >> 8), static_cast<uint8_t>(original)});
    router_.receive_from_publisher(packet(kRtxPt, kRtxSsrc, rtx_sequence_++, timestamp, payload), now_);
  }
  uint16_t rtx_sequence_ = 65535;
};

TEST_F(RouterRtxTest, AHoleThatThePublisherFillsByRtxReachesThePlayersAsTheOriginal) {
  join(player_);
  video(65535, 0, true);
  video(1, 6000);
  ASSERT_EQ(publisher_.blocks(rtcp::parse_nack).size(), 1u);
  repetition(0, 3000, {0x61, 0x77});
  const auto seen = player_.packets(97);
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[2].ssrc, kPlayerVideo);
  EXPECT_EQ(static_cast<uint16_t>(seen[2].sequence.value - seen[0].sequence.value), 1);
  EXPECT_EQ(seen[2].timestamp.value - seen[0].timestamp.value, 3000u);
  EXPECT_EQ(std::vector<uint8_t>(seen[2].payload.begin(), seen[2].payload.end()), (std::vector<uint8_t>{0x61, 0x77}));
  repetition(0, 3000, {0x61, 0x77});  // a second copy
  EXPECT_EQ(player_.packets(97).size(), 3u);
}

TEST_F(RouterRtxTest, ProbesAndRepetitionsBeforeAnyMediaAreNoMedia) {
  join(player_);
  router_.receive_from_publisher(packet(kRtxPt, kRtxSsrc, 7, 0, {}), now_);
  repetition(500, 3000, {0x67, 1});
  EXPECT_TRUE(player_.rtp.empty());
  video(100, 3000, true);
  EXPECT_EQ(player_.packets(97).size(), 1u);
}

TEST_F(RouterRtxTest, RepeatedPacketsStayLostInTheReportToThePublisher) {
  join(player_);
  for (uint16_t i = 0; i < 10; ++i) {
    if (i != 5) video(i, i * 3000u, i == 0);
  }
  repetition(5, 15000, {0x61, 5});
  advance(1100ms);
  const auto reports = publisher_.blocks(rtcp::parse_receiver_report);
  ASSERT_FALSE(reports.empty());
  ASSERT_EQ(reports.back().reports.size(), 1u);
  EXPECT_EQ(reports.back().reports[0].cumulative_lost, 1);
}

TEST_F(RouterRtxTest, APlayerWithRtxGetsWhatItMissesOnItsOwnSource) {
  const auto id = join_with_rtx(player_);
  video(10, 0, true);
  video(11, 3000);
  const auto seen = player_.packets(97);
  ASSERT_EQ(seen.size(), 2u);
  const std::array<rtp::Seq16, 1> missing{seen[1].sequence};
  const auto nack = rtcp_packet([&](rtcp::Writer& w) { w.nack({1, kPlayerVideo}, missing); });
  router_.receive_rtcp_from_player(id, nack, now_);
  router_.receive_rtcp_from_player(id, nack, now_);
  const auto repeated = player_.packets(kPlayerRtxPt);
  ASSERT_EQ(repeated.size(), 2u);
  EXPECT_EQ(static_cast<uint16_t>(repeated[1].sequence.value - repeated[0].sequence.value), 1);
  for (const auto& view : repeated) {
    EXPECT_EQ(view.ssrc, kPlayerRtx);
    EXPECT_EQ(view.timestamp, seen[1].timestamp);
    const std::vector<uint8_t> whole{static_cast<uint8_t>(missing[0].value >> 8),
                                     static_cast<uint8_t>(missing[0].value), 0x61, 11};
    EXPECT_EQ(std::vector<uint8_t>(view.payload.begin(), view.payload.end()), whole);
  }
  EXPECT_EQ(player_.packets(97).size(), 2u);
}

}  // namespace
}  // namespace partyline::sfu::router_test
