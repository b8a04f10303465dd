#include "mixer/video/keyframes.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "tests/mixer/video/video_test_support.hpp"

namespace partyline::mixer {
namespace {

using namespace test;

TEST(KeyframeGate, starts_with_a_keyframe_and_repeats_it_each_period) {
  KeyframeGate gate(2s);
  EXPECT_TRUE(gate.take(at(0ms)));
  EXPECT_FALSE(gate.take(at(1999ms)));
  EXPECT_TRUE(gate.take(at(2s)));
}

TEST(KeyframeGate, merges_requests_to_one_keyframe_in_500_ms_and_loses_none) {
  KeyframeGate gate(1h);
  ASSERT_TRUE(gate.take(at(0ms)));
  for (int i = 0; i < 10; ++i) gate.request();
  EXPECT_FALSE(gate.take(at(33ms)));
  EXPECT_FALSE(gate.take(at(489ms)));
  EXPECT_TRUE(gate.take(at(490ms)));
  EXPECT_FALSE(gate.take(at(1200ms))) << "ten requests were one keyframe";
  gate.request();
  EXPECT_TRUE(gate.take(at(1233ms))) << "a late request is answered at once";
}

TEST(KeyframeGate, a_keyframe_that_failed_is_made_again_at_once) {
  KeyframeGate gate(1h);
  ASSERT_TRUE(gate.take(at(0ms)));
  gate.retry();
  EXPECT_TRUE(gate.take(at(33ms)));
}

TEST(KeyframeSeeker, asks_at_once_and_then_after_half_one_and_two_seconds_until_a_keyframe_is_decoded) {
  KeyframeSeeker seeker;
  seeker.start(at(0ms));
  std::vector<int64_t> asked;
  for (int ms = 0; ms <= 8000; ms += 10) {
    if (seeker.poll(at(std::chrono::milliseconds(ms)))) asked.push_back(ms);
  }
  EXPECT_EQ(asked, (std::vector<int64_t>{0, 500, 1500, 3500, 5500, 7500}));
  seeker.on_keyframe_decoded();
  EXPECT_FALSE(seeker.poll(at(1h)));
}

TEST(KeyframeSeeker, a_burst_of_losses_does_not_become_a_burst_of_requests) {
  KeyframeSeeker seeker;
  int asked = 0;
  for (int ms = 0; ms < 1000; ms += 10) {
    seeker.start(at(std::chrono::milliseconds(ms)));
    asked += seeker.poll(at(std::chrono::milliseconds(ms))) ? 1 : 0;
    seeker.on_keyframe_decoded();
  }
  EXPECT_EQ(asked, 5) << "at most one in 200 ms";
  seeker.start(at(1s));
  EXPECT_TRUE(seeker.poll(at(1s)));
}

}  // namespace
}  // namespace partyline::mixer
