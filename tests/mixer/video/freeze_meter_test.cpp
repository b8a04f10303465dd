#include "mixer/video/freeze_meter.hpp"

#include <gtest/gtest.h>

namespace partyline::mixer {
namespace {

using namespace std::chrono_literals;

class FreezeMeterTest : public ::testing::Test {
 protected:
  void play(int pictures, core::Duration every) {
    for (int i = 0; i < pictures; ++i) meter_.on_picture(now_ += every);
  }
  FreezeMeter meter_;
  core::TimePoint now_ = core::TimePoint{} + 1h;
};

TEST_F(FreezeMeterTest, AStopIsCountedWithItsLength) {
  play(100, 40ms);
  play(1, 640ms);
  play(100, 40ms);
  EXPECT_EQ(meter_.freezes(), 1u);
  EXPECT_NEAR(static_cast<double>(meter_.frozen_ms()), 600, 5);
}

TEST_F(FreezeMeterTest, JitterIsNoStop) {
  for (int i = 0; i < 100; ++i) play(1, i % 2 ? 10ms : 90ms);
  EXPECT_EQ(meter_.freezes(), 0u);
}

TEST_F(FreezeMeterTest, ASlowerPaceIsLearnt) {
  play(100, 33ms);
  play(60, 500ms);
  const auto while_learning = meter_.freezes();
  EXPECT_LT(while_learning, 20u);
  play(100, 500ms);
  EXPECT_EQ(meter_.freezes(), while_learning);
}

TEST_F(FreezeMeterTest, TimeOffTheStageIsNoStop) {
  play(100, 40ms);
  meter_.restart();
  now_ += 10s;
  play(100, 40ms);
  EXPECT_EQ(meter_.freezes(), 0u);
}

}  // namespace
}  // namespace partyline::mixer
