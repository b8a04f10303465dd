#include "gateway/outputs/audio_order.hpp"

#include <gtest/gtest.h>

#include <string>

namespace partyline::gateway {
namespace {

using namespace std::chrono_literals;
using Verdict = AudioOrder::Verdict;

const core::TimePoint zero{core::TimePoint{} + 500s};

/// The frame of number n, 20 ms a frame, that arrives at `arrival` (its capture by default).
core::EncodedFrame frame(int64_t n, std::optional<core::Duration> arrival = std::nullopt) {
  core::EncodedFrame result;
  result.codec = core::Codec::pcmu;
  result.sequence = n;
  result.capture = zero + n * 20ms;
  result.arrival = arrival ? zero + *arrival : result.capture;
  return result;
}

std::string drain(AudioOrder& order, core::Duration now) {
  std::string result;
  while (const auto next = order.next(zero + now)) result += std::to_string(next->sequence) + " ";
  return result;
}

TEST(AudioOrder, what_comes_in_order_is_handed_out_at_once) {
  AudioOrder order;
  for (int64_t n = 65'534; n < 65'538; ++n) {  // unwrapped numbers
    EXPECT_EQ(order.add(frame(n)), Verdict::taken);
    EXPECT_EQ(drain(order, n * 20ms), std::to_string(n) + " ");
  }
}

TEST(AudioOrder, what_comes_out_of_order_is_sorted) {
  AudioOrder order;
  std::string all;
  for (const int64_t n : {1, 3, 4, 2, 6, 5, 7}) {
    EXPECT_EQ(order.add(frame(n)), Verdict::taken);
    all += drain(order, 100ms);
  }
  EXPECT_EQ(all, "1 2 3 4 5 6 7 ");
}

TEST(AudioOrder, what_is_missing_is_waited_for_200_ms) {
  AudioOrder order;
  order.add(frame(1));
  order.add(frame(3));
  order.add(frame(4));
  EXPECT_EQ(drain(order, 259ms), "1 ");
  EXPECT_EQ(drain(order, 260ms), "3 4 ");
  EXPECT_EQ(order.add(frame(2, 261ms)), Verdict::late);
  EXPECT_EQ(drain(order, 261ms), "");
}

TEST(AudioOrder, duplicates_are_dropped_whether_they_wait_or_are_written) {
  AudioOrder order;
  order.add(frame(1));
  order.add(frame(3));
  EXPECT_EQ(order.add(frame(3)), Verdict::duplicate);
  EXPECT_EQ(drain(order, 60ms), "1 ");
  EXPECT_EQ(order.add(frame(1)), Verdict::late);
  order.add(frame(2));
  EXPECT_EQ(drain(order, 60ms), "2 3 ");
}

TEST(AudioOrder, a_new_numbering_follows_the_old_one) {
  AudioOrder order;
  order.add(frame(50));
  EXPECT_EQ(drain(order, 1000ms), "50 ");
  order.add(frame(52));  // 51 is lost
  for (int64_t n = 10; n < 12; ++n) {
    auto next = frame(n);
    next.capture = next.arrival = zero + 1500ms + (n - 10) * 20ms;
    EXPECT_EQ(order.add(next), Verdict::taken);
  }
  EXPECT_EQ(drain(order, 1200ms), "");
  EXPECT_EQ(drain(order, 1520ms), "52 10 11 ");
}

TEST(AudioOrder, it_never_holds_more_than_a_hundred) {
  AudioOrder order;
  order.add(frame(0));
  EXPECT_EQ(drain(order, 0ms), "0 ");
  for (int64_t n = 2; n < 101; ++n) order.add(frame(n, 0ms));
  EXPECT_EQ(drain(order, 0ms), "");
  order.add(frame(101, 0ms));
  EXPECT_EQ(drain(order, 0ms).substr(0, 8), "2 3 4 5 ");
}

}  // namespace
}  // namespace partyline::gateway
