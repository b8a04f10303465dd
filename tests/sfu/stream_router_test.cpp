#include "sfu/stream_router.hpp"

#include "tests/sfu/router_test_support.hpp"

namespace partyline::sfu::router_test {
namespace {

TEST_F(RouterTest, PacketsReachThePlayerUnderItsOwnTypesAndSsrcs) {
  publish();
  join(player_);
  audio(65535, 960);
  audio(0, 1920);
  video(500, 9000, true);
  const auto heard = player_.packets(96), seen = player_.packets(97);
  ASSERT_EQ(heard.size(), 2u);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(heard[0].ssrc, kPlayerAudio);
  EXPECT_EQ(seen[0].ssrc, kPlayerVideo);
  EXPECT_EQ(heard[0].audio_level(5), 42);
  EXPECT_EQ(heard[0].extension(5)->front(), 0x80 | 42) << "the voice bit, too";
  EXPECT_EQ(static_cast<uint16_t>(heard[1].sequence.value - heard[0].sequence.value), 1);
  EXPECT_EQ(heard[1].timestamp.value - heard[0].timestamp.value, 960u);
  EXPECT_EQ(seen[0].extension_profile, 0);
  EXPECT_EQ(seen[0].payload[1], static_cast<uint8_t>(500));
}

TEST_F(RouterTest, VideoStartsAtAKeyframeWhichIsAskedForOnceHoweverManyWish) {
  publish();
  video(1, 0, true);
  const auto id = join(player_);
  Peer other;
  const auto second = join(other);
  const auto pli = rtcp_packet([](rtcp::Writer& w) { w.pli({1, kPlayerVideo}); });
  router_.receive_rtcp_from_player(id, pli, now_);
  router_.receive_rtcp_from_player(second, pli, now_);
  EXPECT_EQ(publisher_.plis(), 1u);
  video(2, 3000);
  EXPECT_TRUE(player_.packets(97).empty());
  advance(600ms);
  EXPECT_EQ(publisher_.plis(), 2u);  // not seen yet: again
  video(3, 6000, true);
  video(4, 9000);
  EXPECT_EQ(player_.packets(97).size(), 2u);
  EXPECT_EQ(other.packets(97).size(), 2u);
  advance(2s);
  EXPECT_EQ(publisher_.plis(), 2u);
}

TEST_F(RouterTest, APublisherWhoFallsSilentIsAskedUntilHeComesAgainAndThenAtOnce) {
  publish();
  const auto id = join(player_);
  uint16_t number = 1;
  const auto show = [&](core::Duration time) {
    for (const TimePoint end = now_ + time; now_ < end; ++number) {
      video(number, number * 3600u, number == 1);
      advance(40ms);
    }
  };
  show(2s);
  const uint64_t before = publisher_.plis();
  advance(400ms);
  EXPECT_EQ(publisher_.plis(), before);
  advance(600ms);
  EXPECT_NEAR(static_cast<double>(publisher_.plis() - before), 8, 1) << "every 60 ms here, after half a second";
  const uint64_t in_silence = publisher_.plis();
  number += 25;
  show(40ms);
  EXPECT_EQ(publisher_.plis(), in_silence + 1);
  router_.remove_player(id);
  advance(2s);
  EXPECT_EQ(publisher_.plis(), in_silence + 1) << "for nobody";
}

TEST_F(RouterTest, AStreamWithoutKeyframesStartsAfterAWhile) {
  publish();
  join(player_);
  video(1, 0);
  advance(3s);
  video(2, 3000);
  EXPECT_EQ(player_.packets(97).size(), 1u);
}

TEST_F(RouterTest, APlayerGoesOnWhenThePublisherIsReplaced) {
  publish();
  join(player_);
  video(65535, 0xFFFFFFFF, true);
  video(0, 2999);
  router_.clear_publisher();
  now_ += 1s;
  publish(Codec::vp8);
  router_.receive_from_publisher(packet(kVideoPt, 0xCC, 777, 123, {0x10, 0x01}), now_);  // no keyframe yet
  router_.receive_from_publisher(packet(kVideoPt, 0xCC, 778, 456, {0x10, 0x00}), now_);
  const auto before = player_.packets(97), after = player_.packets(98);
  ASSERT_EQ(before.size(), 2u);
  ASSERT_EQ(after.size(), 1u);
  EXPECT_EQ(after[0].ssrc, kPlayerVideo);
  EXPECT_EQ(static_cast<uint16_t>(after[0].sequence.value - before[1].sequence.value), 1);
  EXPECT_EQ(after[0].timestamp.value - before[1].timestamp.value, 90000u);
}

TEST_F(RouterTest, AnSsrcThatChangesWithinASessionIsFollowedAfterSilenceOnly) {
  publish();
  join(player_);
  video(100, 0, true);
  video(9000, 0, true, 0xCC);
  EXPECT_EQ(player_.packets(97).size(), 1u);  // an intruder beside a living stream
  now_ += 1s;
  video(9001, 90000, true, 0xCC);
  const auto seen = player_.packets(97);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(static_cast<uint16_t>(seen[1].sequence.value - seen[0].sequence.value), 1);
}

TEST_F(RouterTest, ANackIsAnsweredFromTheKeptPackets) {
  publish();
  const auto id = join(player_);
  for (uint16_t i = 0; i < 10; ++i) video(static_cast<uint16_t>(65530 + i), i * 3000u, i == 0);
  const auto sent = player_.packets(97);
  ASSERT_EQ(sent.size(), 10u);
  const auto wanted = sent[7].sequence;
  const auto payload = sent[7].payload[1];
  player_.clear();
  router_.receive_rtcp_from_player(id, rtcp_packet([&](rtcp::Writer& w) {
                                     w.nack({1, kPlayerVideo}, {&wanted, 1});
                                   }),
                                   now_);
  const auto again = player_.packets(97);
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].sequence, wanted);
  EXPECT_EQ(again[0].payload[1], payload);
}

TEST_F(RouterTest, NacksAreAnsweredUpToALimit) {
  publish();
  const auto id = join(player_);
  video(1, 0, true);
  const auto wanted = player_.packets(97).at(0).sequence;
  const auto nack = rtcp_packet([&](rtcp::Writer& w) { w.nack({1, kPlayerVideo}, {&wanted, 1}); });
  player_.clear();
  for (int i = 0; i < 5000; ++i) router_.receive_rtcp_from_player(id, nack, now_);
  EXPECT_LE(player_.rtp.size(), 400u);
}

TEST_F(RouterTest, AnUpstreamLossIsAskedForAndItsRepairForwarded) {
  publish();
  join(player_);
  video(65535, 0, true);
  video(1, 6000);
  const auto nacks = publisher_.blocks(rtcp::parse_nack);
  ASSERT_EQ(nacks.size(), 1u);
  EXPECT_EQ(nacks[0].media_ssrc, kVideoSsrc);
  ASSERT_EQ(nacks[0].sequences.size(), 1u);
  EXPECT_EQ(nacks[0].sequences[0].value, 0);
  video(0, 3000);
  const auto seen = player_.packets(97);
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(static_cast<uint16_t>(seen[2].sequence.value - seen[0].sequence.value), 1);
}

TEST_F(RouterTest, PaddingLeavesNoGapInThePlayersNumbers) {
  publish();
  join(player_);
  video(65534, 0, true);
  router_.receive_from_publisher(packet(kVideoPt, kVideoSsrc, 65535, 0, {}), now_);
  router_.receive_from_publisher(packet(kVideoPt, kVideoSsrc, 0, 0, {}), now_);
  video(1, 3000);
  const auto seen = player_.packets(97);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(static_cast<uint16_t>(seen[1].sequence.value - seen[0].sequence.value), 1);
}

TEST_F(RouterTest, SenderReportsAreTranslatedSoThatLipSyncHolds) {
  publish();
  const auto id = join(player_);
  audio(1, 48000);
  video(1, 90000, true);
  const auto sender_time = rtcp::to_ntp(5000s);
  for (const auto& [ssrc, time] : {std::pair{kAudioSsrc, 48000u}, std::pair{kVideoSsrc, 90000u}})
    router_.receive_rtcp_from_publisher(rtcp_packet([&](rtcp::Writer& w) {
                                          rtcp::SenderReport report;
                                          report.ssrc = ssrc;
                                          report.ntp = sender_time;
                                          report.rtp_time = {time};
                                          w.sender_report(report);
                                        }),
                                        now_);
  const auto reports = player_.blocks(rtcp::parse_sender_report);
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0].ssrc, kPlayerAudio);
  EXPECT_EQ(reports[0].rtp_time, player_.packets(96).at(0).timestamp);
  EXPECT_EQ(reports[1].rtp_time, player_.packets(97).at(0).timestamp);
  EXPECT_EQ(reports[0].ntp.value, reports[1].ntp.value);  // the same moment
  EXPECT_EQ(reports[0].packet_count, 1u);
  router_.remove_player(id);
  Peer late;
  join(late);
  audio(2, 48960);
  EXPECT_EQ(late.blocks(rtcp::parse_sender_report).size(), 1u);  // with its first packet
}

TEST_F(RouterTest, OnePacketOfManySenderReportsIsOneReportToAPlayerAndTheNextOneWaits) {
  publish();
  join(player_);
  audio(1, 48000);
  uint32_t time = 48000;
  const auto many = [&] {
    return rtcp_packet([&](rtcp::Writer& w) {
      for (int i = 0; i < 40; ++i) {
        rtcp::SenderReport report;
        report.ssrc = kAudioSsrc;
        report.ntp = rtcp::to_ntp(5000s);
        report.rtp_time = {++time};
        w.sender_report(report);
      }
    });
  };
  router_.receive_rtcp_from_publisher(many(), now_);
  const auto reports = player_.blocks(rtcp::parse_sender_report);
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].rtp_time.value - player_.packets(96).at(0).timestamp.value, 40u) << "the last one";
  router_.receive_rtcp_from_publisher(many(), now_);
  EXPECT_EQ(player_.blocks(rtcp::parse_sender_report).size(), 1u);
  advance(200ms);
  const auto later = player_.blocks(rtcp::parse_sender_report);
  ASSERT_EQ(later.size(), 2u) << "late, but not lost";
  EXPECT_EQ(later[1].rtp_time.value - later[0].rtp_time.value, 40u);
}

TEST_F(RouterTest, ThePublisherHearsOfArrivalsEvery100MsAndOfReceptionEachSecond) {
  publish();
  for (uint16_t i = 0; i < 50; ++i) {
    audio(static_cast<uint16_t>(65520 + i), i * 960u);
    advance(20ms);
  }
  size_t feedbacks = 0, arrived = 0;
  for (const auto& bytes : publisher_.rtcp)
    for (rtcp::Reader reader(bytes); const auto block = reader.next();) {
      rtcp::TransportFeedback feedback;
      if (!rtcp::parse_transport_feedback(*block, feedback)) continue;
      ++feedbacks;
      for (const auto& each : feedback.packets) arrived += each.received;
    }
  EXPECT_GE(feedbacks, 9u);
  EXPECT_LE(feedbacks, 10u);
  EXPECT_GE(arrived, 45u);
  advance(100ms);
  size_t reports = 0;
  for (const auto& report : publisher_.blocks(rtcp::parse_receiver_report)) reports += !report.reports.empty();
  EXPECT_EQ(reports, 1u);
}

TEST_F(RouterTest, APlayerWithoutThePublishersCodecGetsAudioOnly) {
  publish(Codec::vp8);
  auto formats = player_formats();
  formats.video.pop_back();
  router_.add_player(formats, player_, now_);
  audio(1, 0);
  router_.receive_from_publisher(packet(kVideoPt, kVideoSsrc, 1, 0, {0x10, 0x00}), now_);
  EXPECT_EQ(player_.rtp.size(), 1u);
}

TEST_F(RouterTest, GarbageIsDroppedAndAWildSequenceNumberDoesNotDerail) {
  publish();
  const auto id = join(player_);
  router_.receive_from_publisher(core::Buffer::copy_of(std::vector<uint8_t>{1, 2, 3}), now_);
  router_.receive_rtcp_from_player(id, std::vector<uint8_t>{0x81, 206, 0, 9, 1}, now_);
  router_.receive_rtcp_from_publisher(std::vector<uint8_t>{0x81, 200, 0, 1}, now_);
  video(100, 0, true);
  video(30000, 3000);
  video(101, 3000);
  EXPECT_EQ(player_.packets(97).size(), 2u);
}

}  // namespace
}  // namespace partyline::sfu::router_test
