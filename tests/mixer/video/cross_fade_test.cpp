#include "mixer/video/cross_fade.hpp"

#include <gtest/gtest.h>

#include "tests/mixer/video/golden_support.hpp"

namespace partyline::mixer {
namespace {

using namespace test;

/// Anna in red on the left and Ben in white on the right; `fade` for 200 ms, 25 frames a second.
struct Fading : testing::Test {
  static RoomConfig config(core::Duration fade) {
    return {.name = "demo", .canvas = {320, 180}, .frames_per_second = 25, .cross_fade = fade};
  }
  static void seat_two(Room& room) {
    room.watch(1, {core::Codec::h264, {320, 180}, 25, core::Bitrate::kbps(300), 0});
    room.join(1, "")->next = solid_picture({320, 180}, kRed);
    room.join(2, "")->next = solid_picture({320, 180}, kWhite);
    for (int i = 0; i < 10; ++i) room.tick();
    ASSERT_TRUE(near(pixel(room.core.canvas().view(), 240, 90), kWhite));
  }
  static int luma(const Room& room) { return pixel(room.core.canvas().view(), 240, 90).y; }
};

TEST_F(Fading, somebody_who_leaves_fades_within_200_ms_and_then_the_canvas_is_the_new_one) {
  Room room(config(200ms));
  seat_two(room);
  room.core.remove_tile(2, room.now);
  std::vector<int> seen{luma(room)};
  for (int i = 0; i < 5; ++i) {
    room.tick();
    seen.push_back(luma(room));
    EXPECT_LT(seen[seen.size() - 1], seen[seen.size() - 2]) << "frame " << i;
    EXPECT_GT(seen.back(), kRed.y + 5) << "frame " << i;
    show_picture("fade-" + std::to_string(i), room.core.canvas().view());
  }
  room.tick();
  EXPECT_TRUE(near(pixel(room.core.canvas().view(), 240, 90), kRed, 2));
}

TEST_F(Fading, a_room_without_fades_cuts) {
  Room room(config(0ms));
  seat_two(room);
  room.core.remove_tile(2, room.now);
  room.tick();
  EXPECT_TRUE(near(pixel(room.core.canvas().view(), 240, 90), kRed, 2));
}

TEST_F(Fading, under_overload_a_room_cuts) {
  Room room(config(200ms));
  seat_two(room);
  room.core.set_economy({.least_effort = true});
  room.core.remove_tile(2, room.now);
  room.tick();
  EXPECT_TRUE(near(pixel(room.core.canvas().view(), 240, 90), kRed, 2));
}

TEST_F(Fading, pictures_within_a_layout_are_shown_at_once) {
  Room room(config(200ms));
  seat_two(room);
  auto feed = room.join(3, "");
  for (int i = 0; i < 10; ++i) room.tick();
  feed->next = solid_picture({320, 180}, kGreen);
  room.tick();
  EXPECT_TRUE(near(pixel(room.core.canvas().view(), 160, 135), kGreen, 2));
}

TEST_F(Fading, what_was_seen_before_a_pause_is_not_seen_after_it) {
  Room room(config(200ms));
  seat_two(room);
  room.core.rest(room.now);
  room.core.remove_tile(2, room.now);
  room.tick();
  EXPECT_LT(luma(room), 60) << "neither the one who left nor the other one's old picture";
}

TEST_F(Fading, a_still_canvas_is_still_again_after_a_fade) {
  Room room(config(200ms));
  const auto sink = room.watch(7, {core::Codec::h264, {320, 180}, 25, core::Bitrate::kbps(300), 0});
  seat_two(room);
  for (int i = 0; i < 20; ++i) room.tick();
  room.core.remove_tile(2, room.now);
  sink->frames.clear();
  for (int i = 0; i < 6; ++i) room.tick();
  EXPECT_EQ(sink->frames.size(), 6u) << "each frame of the fade is a new picture";
  for (int i = 0; i < 20; ++i) room.tick();
  sink->frames.clear();
  for (int i = 0; i < 250; ++i) room.tick();
  EXPECT_LE(sink->frames.size(), 60u) << "ten seconds of nothing new";
}

TEST_F(Fading, what_nobody_has_seen_is_not_faded_from) {
  Room room(config(200ms));
  room.join(1, "")->next = solid_picture({320, 180}, kRed);
  for (int i = 0; i < 10; ++i) room.tick();  // warming up, without an output
  room.join(2, "")->next = solid_picture({320, 180}, kWhite);
  room.tick();
  EXPECT_TRUE(near(pixel(room.core.canvas().view(), 240, 90), kWhite, 2));
}

TEST(CrossFade, a_second_change_starts_from_what_is_shown) {
  const I420Image white = solid({64, 36}, kWhite), red = solid({64, 36}, kRed), blue = solid({64, 36}, kBlue);
  CrossFade fade(200ms);
  EXPECT_FALSE(fade.advance(white, at(0ms)));
  fade.start(white, at(0ms));
  EXPECT_TRUE(fade.advance(red, at(100ms)));
  const int halfway = pixel(fade.shown().view(), 0, 0).y;
  EXPECT_GT(halfway, kRed.y + 20);
  fade.start(red, at(100ms));
  EXPECT_TRUE(fade.advance(blue, at(100ms)));
  EXPECT_NEAR(pixel(fade.shown().view(), 0, 0).y, halfway, 30);
  EXPECT_TRUE(fade.advance(blue, at(300ms))) << "the last mixture is taken away";
  EXPECT_FALSE(fade.active());
  EXPECT_FALSE(fade.advance(blue, at(333ms)));
}

}  // namespace
}  // namespace partyline::mixer
