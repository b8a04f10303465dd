#include "sfu/reception.hpp"

#include <gtest/gtest.h>

#include "sfu/keyframe.hpp"
#include "sfu/outgoing_track.hpp"

namespace partyline::sfu {
namespace {

using namespace std::chrono_literals;
using core::TimePoint;

const TimePoint kStart = TimePoint{} + 1000s;

TEST(LossList, AGapIsAskedForAtOnceAndAgainUntilItComes) {
  LossList losses;
  bool gave_up = false;
  losses.receive(65534, kStart);
  losses.receive(65538, kStart);
  const auto lost = losses.due(kStart, 100, gave_up);
  ASSERT_EQ(lost.size(), 3u);
  EXPECT_EQ(lost[0].value, 65535);
  EXPECT_EQ(lost[1].value, 0);
  EXPECT_EQ(lost[2].value, 1);
  EXPECT_TRUE(losses.due(kStart + 10ms, 100, gave_up).empty());
  losses.receive(65535, kStart + 20ms);
  EXPECT_EQ(losses.due(kStart + 150ms, 100, gave_up).size(), 2u);
  EXPECT_FALSE(gave_up);
}

TEST(LossList, WhatNeverComesIsGivenUp) {
  LossList losses;
  bool gave_up = false;
  losses.receive(1, kStart);
  losses.receive(3, kStart);
  for (auto t = 0ms; t < 800ms; t += 20ms) losses.due(kStart + t, 100, gave_up);
  losses.due(kStart + 801ms, 100, gave_up);
  EXPECT_TRUE(gave_up);
  EXPECT_EQ(losses.missing(), 0u);
}

TEST(LossList, AHugeGapIsHopelessAndKeepsNothing) {
  LossList losses;
  EXPECT_TRUE(losses.receive(10, kStart));
  EXPECT_FALSE(losses.receive(10 + 1000, kStart));
  EXPECT_EQ(losses.missing(), 0u);
  EXPECT_TRUE(losses.receive(1011, kStart));
}

TEST(ReceptionStats, LossIsCountedOverAWrapAndByInterval) {
  ReceptionStats stats(90000);
  for (int64_t i = 65531; i < 65541; ++i)
    if (i != 65536) stats.receive(i, static_cast<uint32_t>(i) * 3000, kStart + (i - 65531) * 33333us);
  const auto first = stats.report(7, kStart);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->cumulative_lost, 1);
  EXPECT_EQ(first->fraction_lost, 25);
  EXPECT_EQ(first->extended_highest_sequence, 65540u);
  stats.receive(65541, 65541u * 3000, kStart + 10 * 33333us);
  EXPECT_EQ(stats.report(7, kStart)->fraction_lost, 0);
}

TEST(ReceptionStats, AWrappingTimestampIsNoJitter) {
  ReceptionStats stats(90000);
  uint32_t timestamp = 0xFFFFFF00;
  for (int i = 0; i < 50; ++i, timestamp += 3000) stats.receive(i, timestamp, kStart + i * 33333us);
  EXPECT_LT(stats.report(1, kStart)->jitter, 10u);
}

TEST(ArrivalLog, MessagesFollowEachOtherWithoutGapsAndCountLosses) {
  ArrivalLog log;
  log.receive({65534}, kStart);
  log.receive({0}, kStart + 10ms);
  rtp::rtcp::TransportFeedback feedback;
  ASSERT_TRUE(log.take(feedback));
  EXPECT_EQ(feedback.base.value, 65534);
  ASSERT_EQ(feedback.packets.size(), 3u);
  EXPECT_TRUE(feedback.packets[0].received);
  EXPECT_FALSE(feedback.packets[1].received);
  EXPECT_EQ(feedback.packets[2].delta, 10ms);
  EXPECT_FALSE(log.take(feedback));
  log.receive({3}, kStart + 30ms);
  log.receive({2}, kStart + 31ms);
  ASSERT_TRUE(log.take(feedback));
  EXPECT_EQ(feedback.base.value, 1);
  EXPECT_EQ(feedback.count, 1);
  ASSERT_EQ(feedback.packets.size(), 3u);
  EXPECT_FALSE(feedback.packets[0].received);
  EXPECT_EQ(feedback.packets[2].delta, -1ms);  // the reordered one came earlier
}

TEST(ArrivalLog, WhatItSaysCanBeWritten) {
  ArrivalLog log;
  for (int i = 0; i < 400; ++i) log.receive({static_cast<uint16_t>(i * 2)}, kStart + i * 70ms / 10);
  rtp::rtcp::TransportFeedback feedback;
  ASSERT_TRUE(log.take(feedback));
  std::array<uint8_t, 1180> room;
  rtp::rtcp::Writer writer(room);
  EXPECT_TRUE(writer.transport_feedback(feedback));
}

TEST(KeyframeWish, ManyWishesAreOneRequestEveryHalfSecondUntilAKeyframeBegins) {
  KeyframeWish wish;
  EXPECT_FALSE(wish.due(kStart));
  int asked = 0;
  for (auto t = 0ms; t < 1400ms; t += 10ms) {
    wish.wish();
    asked += wish.due(kStart + t);
  }
  EXPECT_EQ(asked, 3);
  wish.keyframe_began();
  EXPECT_FALSE(wish.due(kStart + 5s));
}

TEST(Keyframe, ItsFirstPacketIsKnownByTheCodecsOwnMarks) {
  using core::Codec;
  const auto starts = [](Codec codec, std::vector<uint8_t> payload) { return starts_keyframe(codec, payload); };
  EXPECT_TRUE(starts(Codec::h264, {0x67, 0x42}));
  EXPECT_TRUE(starts(Codec::h264, {0x65, 0x88}));
  EXPECT_FALSE(starts(Codec::h264, {0x61, 0x9A}));
  EXPECT_TRUE(starts(Codec::h264, {0x7C, 0x85, 1}));
  EXPECT_FALSE(starts(Codec::h264, {0x7C, 0x05, 1}));                // not the first fragment
  EXPECT_TRUE(starts(Codec::h264, {0x78, 0, 1, 0x09, 0, 1, 0x67}));  // STAP-A: delimiter, SPS
  EXPECT_FALSE(starts(Codec::h264, {0x78, 0, 200, 0x67}));
  EXPECT_TRUE(starts(Codec::vp8, {0x10, 0x00}));
  EXPECT_FALSE(starts(Codec::vp8, {0x10, 0x01}));
  EXPECT_FALSE(starts(Codec::vp8, {0x00, 0x00}));
  EXPECT_TRUE(starts(Codec::vp8, {0x90, 0x80, 0x81, 0x23, 0x00}));
  EXPECT_FALSE(starts(Codec::vp8, {0x90, 0x80, 0x81, 0x23}));
  EXPECT_FALSE(starts(Codec::vp8, {}));
  EXPECT_FALSE(starts(Codec::opus, {0x67}));
}

TEST(OutgoingTrack, ANewSourceContinuesNumberAndTimeOverBothWraps) {
  OutgoingTrack track(1, 90000, 65534, 0xFFFFFFF0);
  track.follow(1, 1000, {5000}, kStart);
  for (int i = 0; i < 4; ++i) track.map(1000 + i, {5000u + 3000u * static_cast<uint32_t>(i)}, kStart + i * 100ms / 3);
  const auto last = track.header_of(1003, {14000});
  EXPECT_EQ(last.sequence.value, 1);
  EXPECT_EQ(last.timestamp.value, 0xFFFFFFF0u + 9000u);
  track.follow(2, 40000, {0xFFFFFFFF}, kStart + 100ms + 2s);
  const auto next = track.map(40000, {0xFFFFFFFF}, kStart + 100ms + 2s);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->sequence.value, 2);
  EXPECT_EQ(next->timestamp.value - last.timestamp.value, 180000u);
}

TEST(OutgoingTrack, PacketsBeforeTheStartAreNotMappedAndOldNumbersNotFound) {
  OutgoingTrack track(1, 90000, 10, 0);
  EXPECT_FALSE(track.source_sequence({10}));
  track.follow(1, 100, {0}, kStart);
  EXPECT_FALSE(track.map(99, {0}, kStart));
  track.map(100, {0}, kStart);
  track.map(102, {0}, kStart);
  EXPECT_EQ(track.source_sequence({11}), 101);
  EXPECT_FALSE(track.source_sequence({9}));
  EXPECT_FALSE(track.source_sequence({13}));
  track.follow(2, 7, {0}, kStart);
  track.map(7, {0}, kStart);
  EXPECT_EQ(track.source_sequence({13}), 7);
  EXPECT_FALSE(track.source_sequence({12}));  // the old source's
}

}  // namespace
}  // namespace partyline::sfu
