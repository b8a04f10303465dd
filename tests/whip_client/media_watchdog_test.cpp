#include "whip_client/media_watchdog.hpp"

#include <gtest/gtest.h>

namespace partyline::whip_client {
namespace {

using namespace std::chrono_literals;
using core::TimePoint;
using Action = MediaWatchdog::Action;

const TimePoint never{};
const TimePoint t0 = TimePoint{} + 1000s;

struct Watched : testing::Test {
  MediaWatchdog watchdog{10s};
  void SetUp() override { watchdog.on_connected(t0, true); }
};

TEST_F(Watched, FlowingMediaNeedsNothing) {
  for (auto t = t0; t < t0 + 60s; t += 250ms) EXPECT_EQ(watchdog.check(t, t, t), Action::none);
}

TEST_F(Watched, AVideoThatStopsIsAskedForAKeyframeOnceAfterTwoSeconds) {
  const TimePoint last = t0 + 5s;
  EXPECT_EQ(watchdog.check(last, last, last + 1999ms), Action::none);
  EXPECT_EQ(watchdog.check(last, last, last + 2s), Action::request_keyframe);
  EXPECT_EQ(watchdog.check(last, last, last + 3s), Action::none);
  const TimePoint again = last + 20s;
  EXPECT_EQ(watchdog.check(again, again, again), Action::none);
  EXPECT_EQ(watchdog.check(again, again, again + 2s), Action::request_keyframe) << "each pause anew";
}

TEST_F(Watched, ASwitchedOffCameraDoesNotRestartAStreamWhoseAudioGoesOn) {
  const TimePoint last_video = t0 + 1s;
  int keyframes = 0;
  for (auto t = t0 + 1s; t < t0 + 120s; t += 250ms) {
    const Action action = watchdog.check(t, last_video, t);
    EXPECT_NE(action, Action::restart);
    keyframes += action == Action::request_keyframe;
  }
  EXPECT_EQ(keyframes, 1);
}

TEST_F(Watched, AnAudioOnlyStreamIsNeverAskedForKeyframes) {
  watchdog.on_connected(t0, false);
  for (auto t = t0; t < t0 + 30s; t += 250ms) EXPECT_EQ(watchdog.check(t, never, t), Action::none);
}

TEST_F(Watched, SilenceOfEverythingRestartsAfterTheTimeout) {
  const TimePoint last = t0 + 5s;
  EXPECT_EQ(watchdog.check(last, last, last + 9s), Action::request_keyframe);
  EXPECT_EQ(watchdog.check(last, last, last + 9999ms), Action::none);
  EXPECT_EQ(watchdog.check(last, last, last + 10s), Action::restart);
}

TEST_F(Watched, AStreamThatNeverBeganIsAskedForAgainAtGrowingIntervals) {
  TimePoint start = t0;
  for (const auto patience : {10s, 20s, 40s, 80s, 80s, 80s}) {
    watchdog.on_connected(start, true);
    EXPECT_EQ(watchdog.check(never, never, start + patience - 1ms), Action::none);
    EXPECT_EQ(watchdog.check(never, never, start + patience), Action::restart);
    start += patience + 1s;
  }
  watchdog.on_connected(start, true);
  EXPECT_EQ(watchdog.check(start + 1s, never, start + 1s), Action::none);
  watchdog.on_connected(start + 30s, true);
  EXPECT_EQ(watchdog.check(never, never, start + 40s), Action::restart) << "media resets the growth";
}

}  // namespace
}  // namespace partyline::whip_client
