#include "sfu/stream_router.hpp"

#include <gtest/gtest.h>

namespace partyline::sfu {
namespace {

using namespace std::chrono_literals;
using core::Codec;
using core::TimePoint;
namespace rtcp = rtp::rtcp;

constexpr uint8_t kAudioPt = 111, kVideoPt = 108;
constexpr uint32_t kAudioSsrc = 0xA0, kVideoSsrc = 0xB0, kPlayerAudio = 0x1A, kPlayerVideo = 0x1B;

// Keeps what a peer was sent.
struct Peer final : PacketOut {
  void send_rtp(std::span<const uint8_t> packet) override { rtp.emplace_back(packet.begin(), packet.end()); }
  void send_rtcp(std::span<const uint8_t> packet) override { rtcp.emplace_back(packet.begin(), packet.end()); }

  std::vector<rtp::PacketView> packets(uint8_t payload_type) const {
    std::vector<rtp::PacketView> result;
    for (const auto& bytes : rtp)
      if (const auto view = rtp::parse_packet(bytes); view && view->payload_type == payload_type)
        result.push_back(*view);
    return result;
  }
  template <class Parse>
  auto blocks(Parse parse) const {
    std::vector<typename decltype(parse(rtcp::Block{}))::value_type> result;
    for (const auto& bytes : rtcp)
      for (rtcp::Reader reader(bytes); const auto block = reader.next();)
        if (const auto parsed = parse(*block)) result.push_back(*parsed);
    return result;
  }
  size_t plis() const { return blocks(rtcp::parse_pli).size(); }
  void clear() {
    rtp.clear();
    rtcp.clear();
  }
  std::vector<std::vector<uint8_t>> rtp, rtcp;
};

class RouterTest : public ::testing::Test {
 protected:
  static PublisherFormats publisher_formats(Codec video = Codec::h264) {
    PublisherFormats formats;
    formats.audio = IncomingFormat{Codec::opus, kAudioPt, 0, {}, 3, 1, false, false, false};
    formats.video = IncomingFormat{video, kVideoPt, video == Codec::h264 ? 1 : 0, {}, 3, 0, true, true, true};
    return formats;
  }
  static PlayerFormats player_formats() {
    PlayerFormats formats;
    formats.audio = {{Codec::opus, 96, 0}};
    formats.video = {{Codec::h264, 97, 1}, {Codec::vp8, 98, 0}};
    formats.audio_level_extension = 5;
    formats.audio_ssrc = kPlayerAudio;
    formats.video_ssrc = kPlayerVideo;
    formats.cname = "stream";
    return formats;
  }

  void publish(Codec video = Codec::h264) { router_.set_publisher(publisher_formats(video), publisher_, now_); }
  StreamRouter::PlayerId join(Peer& peer) { return router_.add_player(player_formats(), peer, now_); }

  static core::Buffer packet(uint8_t payload_type, uint32_t ssrc, uint16_t sequence, uint32_t timestamp,
                             std::vector<uint8_t> payload, bool with_extensions = true) {
    std::array<uint8_t, 1500> room;
    rtp::PacketWriter writer(room, {false, payload_type, {sequence}, {timestamp}, ssrc});
    if (with_extensions) {
      const std::array<uint8_t, 2> transport{static_cast<uint8_t>(sequence >> 8), static_cast<uint8_t>(sequence)};
      writer.add_extension(3, transport);
      const uint8_t level = 0x80 | 42;  // with voice
      if (payload_type == kAudioPt) writer.add_extension(1, {&level, 1});
    }
    writer.append(payload);
    return core::Buffer::copy_of(writer.packet());
  }
  void video(uint16_t sequence, uint32_t timestamp, bool key = false, uint32_t ssrc = kVideoSsrc) {
    const std::vector<uint8_t> payload{static_cast<uint8_t>(key ? 0x67 : 0x61), static_cast<uint8_t>(sequence)};
    router_.receive_from_publisher(packet(kVideoPt, ssrc, sequence, timestamp, payload), now_);
  }
  void audio(uint16_t sequence, uint32_t timestamp) {
    router_.receive_from_publisher(packet(kAudioPt, kAudioSsrc, sequence, timestamp, {1, 2, 3}), now_);
  }
  void advance(core::Duration time) {
    for (const TimePoint end = now_ + time; now_ < end; now_ += 20ms) router_.tick(now_);
  }
  template <class Write>
  static std::vector<uint8_t> rtcp_packet(Write write) {
    std::array<uint8_t, 1200> room;
    rtcp::Writer writer(room);
    write(writer);
    return {writer.packet().begin(), writer.packet().end()};
  }

  TimePoint now_ = TimePoint{} + 1000s;
  StreamRouter router_;
  Peer publisher_, player_;
};

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
}  // namespace partyline::sfu
