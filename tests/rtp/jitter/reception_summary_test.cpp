// What a peer that asks for a statistics summary (RFC 3611 §4.6) is told of its packets.
#include "rtp/jitter/reception_summary.hpp"

#include <gtest/gtest.h>

#include "tests/rtp/session_world.hpp"

namespace partyline::rtp::test {
namespace {

using Jitter = rtcp::StatisticsSummary::Jitter;

/// Packets whose unwrapped numbers begin at `first`, on the wire 100 less.
struct Stretch {
  ReceptionSummary summary;
  void come(int64_t from, int64_t to) {
    for (int64_t s = from; s <= to; ++s) summary.on_packet(s, {static_cast<uint16_t>(s - 100)});
  }
};

class Summaries : public testing::TestWithParam<int64_t> {};

TEST_P(Summaries, count_what_is_missing_and_go_on_where_the_last_one_ended) {
  const int64_t first = GetParam();
  Stretch stretch;
  stretch.come(first, first + 9);
  stretch.come(first + 12, first + 40);
  const auto one = stretch.summary.take();
  ASSERT_TRUE(one);
  EXPECT_EQ(one->begin.value, static_cast<uint16_t>(first - 100));
  EXPECT_EQ(one->end.value, static_cast<uint16_t>(first + 41 - 100));
  EXPECT_EQ(one->lost, 2u);
  EXPECT_EQ(one->duplicates, 0u);
  EXPECT_FALSE(stretch.summary.take()) << "nothing has come since";
  stretch.come(first + 10, first + 10);  // told as lost
  stretch.come(first + 41, first + 60);
  stretch.summary.on_duplicate();
  const auto two = stretch.summary.take();
  ASSERT_TRUE(two);
  EXPECT_EQ(two->begin, one->end);
  EXPECT_EQ(two->end.value, static_cast<uint16_t>(first + 61 - 100));
  EXPECT_EQ(two->lost, 0u);
  EXPECT_EQ(two->duplicates, 1u);
}

TEST_P(Summaries, leave_what_may_be_on_its_way_to_the_next_one) {
  const int64_t first = GetParam();
  Stretch stretch;
  stretch.come(first, first + 20);
  stretch.come(first + 22, first + 25);
  const auto one = stretch.summary.take();
  ASSERT_TRUE(one);
  EXPECT_EQ(one->end.value, static_cast<uint16_t>(first + 21 - 100));
  EXPECT_EQ(one->lost, 0u);
  EXPECT_FALSE(stretch.summary.take());
  stretch.come(first + 21, first + 21);
  stretch.come(first + 26, first + 30);
  const auto two = stretch.summary.take();
  ASSERT_TRUE(two);
  EXPECT_EQ(two->begin, one->end);
  EXPECT_EQ(two->end.value, static_cast<uint16_t>(first + 31 - 100));
  EXPECT_EQ(two->lost, 0u);
}

INSTANTIATE_TEST_SUITE_P(AroundTheWrap, Summaries, testing::Values(100, 65536 + 70, 65536 + 95, 3 * 65536 + 60));

TEST(Summary, tells_of_a_jump_what_is_lost) {
  Stretch stretch;
  stretch.come(200, 200);
  stretch.come(3000, 3001);
  auto summary = stretch.summary.take();  // to 16 packets before the newest: the others may be on their way
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->lost, 2785u);
  stretch.come(3002, 3020);
  summary = stretch.summary.take();
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->lost, 14u);
  EXPECT_FALSE(ReceptionSummary{}.take());
}

TEST(Summary, tells_least_most_mean_and_deviation_of_the_jitter) {
  Stretch stretch;
  stretch.come(200, 204);
  for (const double difference : {10.0, 2.0, 30.0, 6.0}) stretch.summary.on_transit_difference(difference);
  EXPECT_EQ(stretch.summary.take()->jitter, (Jitter{2, 30, 12, 11}));  // sqrt((4 + 100 + 324 + 36) / 4) = 10.77
  stretch.come(205, 206);
  stretch.summary.on_transit_difference(7);
  EXPECT_EQ(stretch.summary.take()->jitter, (Jitter{7, 7, 7, 0}));
  stretch.come(207, 208);
  EXPECT_FALSE(stretch.summary.take()->jitter) << "nothing was measured: 0 would be the best of all";
}

std::vector<rtcp::StatisticsSummary> summaries_of(const Side& side) {
  std::vector<rtcp::StatisticsSummary> all;
  for (const auto& packet : side.rtcp_sent) {
    for (rtcp::Reader reader(packet); const auto block = reader.next();) {
      const auto report = rtcp::parse_extended_report(*block);
      if (report && report->statistics) all.push_back(*report->statistics);
    }
  }
  return all;
}

TEST(Statistics, tell_a_peer_that_asks_what_was_lost_and_came_twice_and_when) {
  TimePoint now{1000h};
  Side side;
  side.now = &now;
  TrackConfig asking = audio_track();
  asking.statistics = {true, true, true};
  side.make({asking});
  for (uint16_t i = 0; i < 1000; ++i, now += 20ms) {
    std::array<uint8_t, 100> room;
    PacketWriter writer(room, {false, 111, {static_cast<uint16_t>(65000 + i)}, {i * 960u}, 0x77});
    writer.append(std::vector<uint8_t>(40, 1));
    if (i % 2) now += 5ms;  // 240 units later and earlier again
    if (i % 10 != 9) side.receive(writer.packet());
    if (i % 50 == 0) side.receive(writer.packet());
    if (i % 2) now -= 5ms;
    side.session->tick(now);
  }
  const auto summaries = summaries_of(side);
  ASSERT_GE(summaries.size(), 15u);
  uint32_t lost = 0, duplicates = 0, sent = 0;
  for (size_t i = 0; i < summaries.size(); ++i) {
    EXPECT_EQ(summaries[i].begin, i > 0 ? summaries[i - 1].end : Seq16{65000});
    EXPECT_EQ(summaries[i].ssrc, 0x77u);
    sent += static_cast<uint16_t>(summaries[i].end.value - summaries[i].begin.value);
    lost += *summaries[i].lost;
    duplicates += *summaries[i].duplicates;
  }
  EXPECT_NEAR(lost, sent * 0.1, 2);
  EXPECT_NEAR(duplicates, sent * 0.02, 1);
  // Where a packet is missing between two, both are of one kind: every ninth difference is none.
  const Jitter jitter = *summaries.back().jitter;
  EXPECT_LE(jitter.least, 1u);
  EXPECT_NEAR(jitter.most, 240, 1);
  EXPECT_NEAR(jitter.mean, 240.0 * 8 / 9, 6);
  EXPECT_NEAR(jitter.deviation, 75, 10);
}

TEST(Statistics, are_told_as_far_as_they_were_asked_for) {
  World world;
  TrackConfig asking = audio_track();
  asking.statistics.duplicates = true;
  world.a.make({audio_track()});
  world.b.make({asking});
  Talker talker(world, world.a);
  talker.with_video = false;
  world.run(5s, [&] { talker(); });
  EXPECT_TRUE(summaries_of(world.a).empty());
  const auto summaries = summaries_of(world.b);
  ASSERT_GE(summaries.size(), 3u);
  EXPECT_EQ(summaries.back().duplicates, 0u);
  EXPECT_FALSE(summaries.back().lost);
  EXPECT_FALSE(summaries.back().jitter);
}

TEST(Statistics, that_were_not_wanted_for_a_while_tell_nothing_of_that_time) {
  World world;
  TrackConfig asking = audio_track(), silent = audio_track();
  asking.statistics = {true, true, true};
  world.a.make({audio_track()});
  world.b.make({asking});
  Talker talker(world, world.a);
  talker.with_video = false;
  world.run(5s, [&] { talker(); });
  world.b.session->reconfigure({silent}, world.now);
  const auto twice = [&] {
    talker();
    if (!world.a.rtp_sent.empty()) world.b.receive(world.a.rtp_sent.back());
  };
  world.run(60s, twice);
  world.run(100ms);
  world.b.session->reconfigure({asking}, world.now);
  world.b.rtcp_sent.clear();
  world.run(5s, [&] { talker(); });
  const auto summaries = summaries_of(world.b);
  ASSERT_GE(summaries.size(), 3u);
  for (const auto& summary : summaries) {
    EXPECT_EQ(summary.lost, 0u);
    EXPECT_EQ(summary.duplicates, 0u);
  }
}

}  // namespace
}  // namespace partyline::rtp::test
