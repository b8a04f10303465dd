// What the room encodes of its picture, in virtual time: renditions, keyframes, time stamps, and less of it under
// overload.
#include <gtest/gtest.h>

#include <algorithm>

#include "mixer/video/video_core.hpp"
#include "tests/mixer/video/video_test_support.hpp"

namespace partyline::mixer {
namespace {

using namespace test;

constexpr VideoRendition kSmall{core::Codec::h264, {320, 180}, 30, core::Bitrate::kbps(300), 0};

TEST(VideoCore, equal_renditions_share_one_encoder_and_different_ones_do_not) {
  Room room;
  room.enliven();
  const auto a = room.watch(1, kSmall);
  const auto b = room.watch(2, kSmall);
  VideoRendition other = kSmall;
  other.max_nal_bytes = 1200;
  const auto c = room.watch(3, other);
  EXPECT_EQ(room.core.encoder_count(), 2);
  EXPECT_EQ(room.core.output_count(), 3);
  for (int i = 0; i < 10; ++i) room.tick();
  EXPECT_EQ(room.core.totals()->frames.load(), 20u);
  ASSERT_EQ(a->frames.size(), 10u);
  EXPECT_EQ(a->frames[5].data.data(), b->frames[5].data.data()) << "the very same bytes";
  EXPECT_NE(a->frames[5].data.data(), c->frames[5].data.data());
  room.core.remove_output(1);
  EXPECT_EQ(room.core.encoder_count(), 2);
  room.core.remove_output(2);
  EXPECT_EQ(room.core.encoder_count(), 1) << "the last output takes the encoder with it";
}

std::vector<size_t> keyframes_in(const KeepingSink& sink) {
  std::vector<size_t> result;
  for (size_t i = 0; i < sink.frames.size(); ++i) {
    if (sink.frames[i].keyframe) result.push_back(i);
  }
  return result;
}

TEST(VideoCore, a_newcomer_gets_a_keyframe_and_many_share_one) {
  Room room;
  room.enliven();
  const auto first = room.watch(1, kSmall);
  for (int i = 0; i < 20; ++i) room.tick();
  room.watch(2, kSmall);
  room.tick();
  room.watch(3, kSmall);
  room.watch(4, kSmall);
  for (int i = 0; i < 30; ++i) room.tick();
  EXPECT_EQ(keyframes_in(*first), (std::vector<size_t>{0, 20, 35}))
      << "at once for the first newcomer, half a second later for the others together";
}

TEST(VideoCore, keyframes_come_every_two_seconds_and_on_request) {
  Room room;
  room.enliven();
  const auto sink = room.watch(1, kSmall);
  for (int i = 0; i < 100; ++i) {
    if (i == 70) room.core.request_keyframe(1);
    room.tick();
  }
  EXPECT_EQ(keyframes_in(*sink), (std::vector<size_t>{0, 60, 75}));
}

TEST(VideoCore, a_slower_rendition_gets_evenly_spaced_ticks) {
  Room room;
  room.enliven();
  VideoRendition half = kSmall;
  half.frames_per_second = 15;
  VideoRendition ten = kSmall;
  ten.frames_per_second = 10;
  VideoRendition fast = kSmall;
  fast.frames_per_second = 60;
  const auto full = room.watch(1, kSmall);
  const auto fifteen = room.watch(2, half);
  const auto slow = room.watch(3, ten);
  const auto capped = room.watch(4, fast);
  for (int i = 0; i < 60; ++i) room.tick();
  EXPECT_EQ(full->frames.size(), 60u);
  EXPECT_EQ(fifteen->frames.size(), 30u);
  EXPECT_EQ(slow->frames.size(), 20u);
  EXPECT_EQ(capped->frames.size(), 60u) << "never faster than the room";
  for (size_t i = 0; i < 20; ++i) EXPECT_NEAR(static_cast<double>(slow->frames[i].rtp_time), 9000.0 * i, 2);
}

TEST(VideoCore, frames_carry_the_ticks_media_time_and_90_khz_from_the_encoders_first) {
  Room room;
  const auto sink = room.watch(1, kSmall);
  for (int i = 0; i < 4; ++i) room.tick();
  EXPECT_EQ(sink->frames[0].capture, at(0ms));
  EXPECT_EQ(sink->frames[0].rtp_time, 0);
  EXPECT_EQ(sink->frames[3].capture, at(3 * room.core.frame_interval()));
  EXPECT_EQ(sink->frames[3].rtp_time, 9000);
  EXPECT_EQ(sink->frames[3].codec, core::Codec::h264);
}

TEST(VideoCore, a_rendition_of_another_shape_gets_the_canvas_whole_between_bars) {
  Room room;
  const auto sink = room.watch(1, {core::Codec::h264, {640, 480}, 30, core::Bitrate::kbps(2000), 0});
  room.join(1, "")->next = solid_picture({1280, 720}, kGreen);
  room.tick();
  const auto picture = decode_last(sink->frames);
  ASSERT_TRUE(picture);
  EXPECT_TRUE(near(pixel(picture->view, 320, 240), kGreen));
  EXPECT_TRUE(near(pixel(picture->view, 320, 20), to_yuv(kBackground)));
}

TEST(VideoCore, a_shut_gate_passes_nothing_on) {
  Room room;
  auto sink = std::make_shared<KeepingSink>();
  auto gate = std::make_shared<OutputGate>(sink);
  room.core.add_output(1, kSmall, gate);
  auto jobs = room.core.tick(room.now);
  gate->shut();
  for (EncodeJob& job : jobs) job.run();
  EXPECT_TRUE(sink->frames.empty());
  EXPECT_EQ(sink.use_count(), 1) << "and the sink is let go of";
}

TEST(VideoCore, a_job_may_outlive_its_room) {
  auto sink = std::make_shared<KeepingSink>();
  std::vector<EncodeJob> jobs;
  {
    VideoCore core({});
    core.add_output(1, {core::Codec::vp8, {320, 180}, 30, core::Bitrate::kbps(300), 0},
                    std::make_shared<OutputGate>(sink));
    jobs = core.tick(at(0ms));
  }
  for (EncodeJob& job : jobs) job.run();
  EXPECT_EQ(sink->frames.size(), 1u);
}

TEST(VideoCore, under_an_economy_there_are_fewer_and_smaller_pictures_and_then_all_is_as_before) {
  Room room;
  const auto sink = room.watch(1, {core::Codec::h264, {1280, 720}, 30, core::Bitrate::kbps(2000), 0});
  const auto half = room.watch(2, kSmall);
  const auto red = room.join(1, ""), blue = room.join(2, "");
  const auto run = [&](core::Duration duration) {
    sink->frames.clear();
    half->frames.clear();
    for (const auto until = room.now + duration; room.now < until;) {
      red->next = solid_picture({640, 360}, kRed);
      blue->next = solid_picture({640, 360}, kBlue);
      room.tick();
    }
  };
  const auto shown = [&](const KeepingSink& seen) {
    const auto picture = decode_last(seen.frames);
    EXPECT_TRUE(picture);
    if (!picture) return core::VideoSize{};
    const core::VideoSize size = picture->view.size;
    EXPECT_TRUE(near(pixel(picture->view, size.width / 4, size.height / 2), kRed));
    EXPECT_TRUE(near(pixel(picture->view, size.width * 3 / 4, size.height / 2), kBlue));
    return size;
  };
  run(1s);
  EXPECT_NEAR(static_cast<double>(sink->frames.size()), 30, 1);
  for (const auto& [economy, rate, size, small] :
       {std::tuple{Economy{true, 1, 6}, 30, core::VideoSize{1280, 720}, core::VideoSize{320, 180}},
        {Economy{true, 2, 6}, 15, core::VideoSize{1280, 720}, core::VideoSize{320, 180}},
        {Economy{true, 2, 4}, 15, core::VideoSize{852, 480}, core::VideoSize{212, 120}},
        {Economy{true, 2, 3}, 15, core::VideoSize{640, 360}, core::VideoSize{160, 90}},
        {Economy{}, 30, core::VideoSize{1280, 720}, core::VideoSize{320, 180}}}) {
    room.core.set_economy(economy);
    run(1s);
    EXPECT_NEAR(static_cast<double>(sink->frames.size()), rate, 1);
    ASSERT_FALSE(sink->frames.empty());
    EXPECT_TRUE(sink->frames.front().keyframe) << "a new encoder, whose first picture stands alone";
    EXPECT_EQ(shown(*sink), size);
    EXPECT_EQ(shown(*half), small);
  }
}

TEST(VideoCore, a_still_canvas_becomes_sharp_again_after_a_change_of_economy) {
  Room room;
  const auto sink = room.watch(1, kSmall);
  for (int i = 0; i < 40; ++i) room.tick();
  sink->frames.clear();
  for (int i = 0; i < 6; ++i) room.tick();
  ASSERT_LE(sink->frames.size(), 1u) << "it is sharp, and nothing moves";
  sink->frames.clear();
  room.core.set_economy({true, 1, 6});
  for (int i = 0; i < 6; ++i) room.tick();
  EXPECT_GE(sink->frames.size(), 5u);
  EXPECT_TRUE(sink->frames.front().keyframe);
}

TEST(VideoCore, a_change_of_economy_does_not_turn_time_back) {
  Room room;
  const auto sink = room.watch(1, kSmall);
  for (const int divisor : {1, 2, 1, 2}) {
    room.core.set_economy({false, divisor, 6});
    for (int i = 0; i < 5; ++i) room.tick();
  }
  for (size_t i = 1; i < sink->frames.size(); ++i)
    EXPECT_GE(sink->frames[i].rtp_time - sink->frames[i - 1].rtp_time, 2999);
}

TEST(VideoCore, a_room_with_an_output_that_cannot_follow_keeps_its_size) {
  Room room;
  const auto file = room.watch(1, kSmall, true);
  room.core.set_economy({true, 2, 3});
  room.tick();
  EXPECT_EQ(room.core.canvas().size(), (core::VideoSize{1280, 720}));
  room.watch(2, kSmall);
  room.core.remove_output(1);
  room.tick();
  EXPECT_EQ(room.core.canvas().size(), (core::VideoSize{640, 360}));
}

}  // namespace
}  // namespace partyline::mixer
