// ReportQueue: what round trips and numbers in receiver reports tell of a queue, around each wrap of the numbers.
#include "rtp/bandwidth/report_queue.hpp"

#include <gtest/gtest.h>

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;

TEST(LeastOfLate, is_of_the_last_one_to_two_minutes) {
  LeastOfLate least;
  core::TimePoint now{1000h};
  EXPECT_FALSE(least.value());
  least.add(500, now);
  EXPECT_EQ(least.value(), 500);
  least.add(40, now + 30s);
  least.add(300, now + 50s);
  EXPECT_EQ(least.value(), 40);
  least.add(320, now + 100s);
  EXPECT_EQ(least.value(), 40);
  least.add(310, now + 161s);
  EXPECT_EQ(least.value(), 310);
  least.restart(700, now + 162s);
  EXPECT_EQ(least.value(), 700);
}

/// A packet each 10 ms, each of which arrives after `way`.
struct Peer {
  explicit Peer(uint16_t from) : sequence(from) {}
  void send(core::Duration time) {
    for (const auto end = now + time; now < end; now += 10ms) queue.on_sent(Seq16{sequence++}, now);
  }
  void report(core::Duration waits, std::optional<core::Duration> round_trip = {}) {
    PathReport report;
    report.highest = Seq16{static_cast<uint16_t>(sequence - 1 - waits / 10ms)};
    report.round_trip = round_trip;
    queue.on_report(report, now);
  }
  ReportQueue queue;
  core::TimePoint now{1000h};
  uint16_t sequence;
};

class Queues : public testing::TestWithParam<uint16_t> {};

TEST_P(Queues, are_what_a_round_trip_is_longer_than_the_least) {
  Peer peer(GetParam());
  for (const auto& [round_trip, queue] : {std::pair{500ms, 0.0}, {520ms, 20.0}, {480ms, 0.0}, {900ms, 420.0}}) {
    peer.send(1s);
    peer.report(50ms, round_trip);
    EXPECT_DOUBLE_EQ(peer.queue.ms(), queue);
  }
}

TEST_P(Queues, are_how_much_longer_than_that_the_packet_behind_the_last_one_is_under_way) {
  Peer peer(GetParam());
  peer.send(1s);
  peer.report(50ms, 50ms);
  peer.send(1s);
  peer.report(480ms);  // its sender report got lost
  EXPECT_NEAR(peer.queue.ms(), 480 - 30 - 50, 15);
  EXPECT_EQ(peer.queue.passed(), 100 - 43);
}

TEST_P(Queues, of_who_tells_no_round_trip_are_beyond_his_own_least) {
  Peer peer(GetParam());
  for (int i = 0; i < 3; ++i) {
    peer.send(1s);
    peer.report(600ms);
    EXPECT_LT(peer.queue.ms(), 1) << "far away";
  }
  peer.send(1s);
  peer.report(900ms);
  EXPECT_NEAR(peer.queue.ms(), 300, 15);
  peer.queue.take_for_least(peer.now);
  EXPECT_EQ(peer.queue.ms(), 0);
  peer.send(1s);
  peer.report(900ms);
  EXPECT_LT(peer.queue.ms(), 1);
}

TEST_P(Queues, are_not_told_by_numbers_that_stand_still) {
  Peer peer(GetParam());
  peer.send(1s);
  peer.report(50ms, 50ms);
  EXPECT_FALSE(peer.queue.stands_still()) << "nobody knows";
  peer.send(1s);
  peer.report(50ms, 50ms);
  EXPECT_FALSE(peer.queue.stands_still());
  peer.send(1s);
  peer.report(1050ms);
  EXPECT_TRUE(peer.queue.stands_still());
  EXPECT_EQ(peer.queue.ms(), 0);
  EXPECT_EQ(peer.queue.passed(), 0);
}

TEST_P(Queues, are_not_told_by_numbers_that_were_never_sent) {
  Peer peer(GetParam());
  for (const auto ahead : {-5000ms, -6000ms, -8000ms}) {
    peer.send(1s);
    peer.report(ahead);
    EXPECT_EQ(peer.queue.passed(), 0);
    EXPECT_EQ(peer.queue.ms(), 0);
  }
  EXPECT_FALSE(peer.queue.stands_still());
}

INSTANTIATE_TEST_SUITE_P(from, Queues, testing::Values(0, 100, 32700, 65400));

}  // namespace
}  // namespace partyline::rtp
