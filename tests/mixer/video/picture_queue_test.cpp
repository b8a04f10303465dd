#include "mixer/video/picture_queue.hpp"

#include <gtest/gtest.h>

#include "tests/mixer/video/video_test_support.hpp"

namespace partyline::mixer {
namespace {

using namespace test;

constexpr core::Duration kHalf = 16ms;

Picture captured(core::Duration when) {
  return solid_picture({2, 2}, kRed, at(when));
}

TEST(PictureQueue, a_picture_is_shown_when_its_sound_is_heard_give_or_take_half_a_frame) {
  PictureQueue queue;
  queue.set_delay(100ms);
  queue.push(captured(0ms), at(5ms));
  EXPECT_FALSE(queue.take_due(at(83ms), kHalf));
  const auto picture = queue.take_due(at(84ms), kHalf);
  ASSERT_TRUE(picture);
  EXPECT_EQ(picture->capture, at(0ms));
  EXPECT_FALSE(queue.take_due(at(1s), kHalf)) << "each picture is taken once";
}

TEST(PictureQueue, the_newest_due_picture_wins_and_older_ones_are_counted_as_dropped) {
  PictureQueue queue;
  for (int i = 0; i < 4; ++i) queue.push(captured(i * 10ms), at(50ms));
  queue.set_delay(20ms);
  EXPECT_EQ(queue.take_due(at(30ms), kHalf)->capture, at(20ms));
  EXPECT_EQ(queue.dropped(), 2u);
  EXPECT_EQ(queue.size(), 1u);
}

TEST(PictureQueue, a_long_delay_thins_the_frame_rate_but_keeps_the_lips_with_the_voice) {
  PictureQueue queue;
  queue.set_delay(600ms);
  int shown = 0;
  core::Duration worst = 0ms;
  for (int frame = 0; frame < 300; ++frame) {
    const core::Duration now = frame * 33ms;
    queue.push(captured(now), at(now));
    if (const auto picture = queue.take_due(at(now), kHalf)) {
      ++shown;
      worst = std::max(worst, std::chrono::abs(at(now) - picture->capture - core::Duration(600ms)));
    }
    ASSERT_LE(queue.size(), PictureQueue::kCapacity);
  }
  EXPECT_GT(shown, 80) << "a third of 300 at least";
  EXPECT_LE(worst, 33ms);
}

TEST(PictureQueue, a_capture_time_in_the_future_is_not_believed) {
  PictureQueue queue;
  queue.push(captured(1h), at(0ms));
  EXPECT_TRUE(queue.take_due(at(0ms), kHalf));
}

TEST(PictureQueue, a_source_whose_clock_jumps_back_shows_its_new_pictures) {
  PictureQueue queue;
  queue.push(captured(900ms), at(900ms));
  queue.push(captured(100ms), at(910ms));
  EXPECT_EQ(queue.take_due(at(920ms), kHalf)->capture, at(100ms)) << "the newest to arrive, not the latest captured";
}

TEST(PictureQueue, an_absurd_delay_is_bounded) {
  PictureQueue queue;
  queue.set_delay(1h);
  queue.push(captured(0ms), at(0ms));
  EXPECT_TRUE(queue.take_due(at(1s), kHalf));
  queue.set_delay(-1h);
  queue.push(captured(2s), at(2s));
  EXPECT_TRUE(queue.take_due(at(2s), kHalf));
}

}  // namespace
}  // namespace partyline::mixer
