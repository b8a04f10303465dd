#include "gateway/outputs/frame_queue.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace partyline::gateway {
namespace {

using core::Codec;
using core::EncodedFrame;

EncodedFrame frame(Codec codec, bool keyframe = false, size_t size = 10) {
  EncodedFrame result;
  result.codec = codec;
  result.keyframe = keyframe;
  result.buffer = core::Buffer::copy_of(std::vector<uint8_t>(size));
  result.data = result.buffer.span();
  return result;
}
const EncodedFrame key = frame(Codec::h264, true), delta = frame(Codec::h264), sound = frame(Codec::aac);

/// What is in the queue: K, d and s.
std::string drain(FrameQueue& queue) {
  std::string result;
  while (const auto next = queue.pop(core::TimePoint{})) {
    result += next->codec == Codec::aac ? 's' : next->keyframe ? 'K' : 'd';
  }
  return result;
}

TEST(FrameQueue, a_closed_queue_swallows_and_counts_nothing) {
  FrameQueue queue({});
  queue.push(key);
  EXPECT_EQ(drain(queue), "");
  queue.open(true);
  queue.push(key);
  queue.close();
  EXPECT_EQ(drain(queue), "");
  EXPECT_EQ(queue.dropped(), 0U);
}

TEST(FrameQueue, begins_at_a_keyframe_sound_included) {
  FrameQueue queue({});
  queue.open(true);
  EXPECT_TRUE(queue.wants_keyframe());
  for (const auto& each : {sound, delta, key, sound, delta}) queue.push(each);
  EXPECT_FALSE(queue.wants_keyframe());
  EXPECT_EQ(drain(queue), "Ksd");
  EXPECT_EQ(queue.dropped(), 0U);
}

TEST(FrameQueue, without_video_sound_begins_at_once) {
  FrameQueue queue({});
  queue.open(false);
  queue.push(sound);
  EXPECT_FALSE(queue.wants_keyframe());
  EXPECT_EQ(drain(queue), "s");
}

TEST(FrameQueue, overflow_drops_up_to_the_next_keyframe) {
  FrameQueue queue({.frames = 6});
  queue.open(true);
  for (const auto& each : {key, delta, sound, key, delta, sound}) queue.push(each);
  queue.push(delta);
  EXPECT_EQ(drain(queue), "Kdsd");
  EXPECT_EQ(queue.dropped(), 3U);
}

TEST(FrameQueue, overflow_without_a_keyframe_waits_for_one_and_keeps_the_sound) {
  FrameQueue queue({.frames = 3});
  queue.open(true);
  for (const auto& each : {key, delta, delta, delta}) queue.push(each);
  EXPECT_TRUE(queue.wants_keyframe());
  queue.push(sound);
  queue.push(delta);
  queue.push(key);
  queue.push(delta);
  EXPECT_EQ(drain(queue), "sKd");
  EXPECT_EQ(queue.dropped(), 5U);
}

TEST(FrameQueue, of_a_voice_alone_only_the_oldest_frame_is_lost) {
  FrameQueue queue({.frames = 4});
  queue.open(false);
  for (int i = 0; i < 6; ++i) queue.push(sound);
  EXPECT_EQ(queue.dropped(), 2U);
  EXPECT_EQ(drain(queue), "ssss");
}

TEST(FrameQueue, with_a_keyframe_in_it_what_comes_before_goes_whoever_sends) {
  FrameQueue queue({.frames = 4});
  queue.open(false);
  for (const auto& each : {key, delta, sound, key, sound}) queue.push(each);
  EXPECT_EQ(drain(queue), "Ks");
  EXPECT_EQ(queue.dropped(), 3U);
}

TEST(FrameQueue, pictures_after_one_that_is_too_large_wait_for_a_keyframe) {
  FrameQueue queue({.frames = 100, .bytes = 1000});
  queue.open(true);
  queue.push(frame(Codec::h264, true, 2000));
  for (const auto& each : {delta, key, delta}) queue.push(each);
  EXPECT_EQ(drain(queue), "Kd");
}

TEST(FrameQueue, bytes_are_bounded_too) {
  FrameQueue queue({.frames = 100, .bytes = 1000});
  queue.open(true);
  queue.push(frame(Codec::h264, true, 600));
  queue.push(frame(Codec::h264, true, 600));
  EXPECT_EQ(queue.dropped(), 1U);
  EXPECT_EQ(drain(queue), "K");
  queue.push(frame(Codec::h264, true, 2000));
  EXPECT_EQ(drain(queue), "");
  EXPECT_EQ(queue.dropped(), 2U);
}

TEST(FrameQueue, wake_ends_a_pop) {
  FrameQueue queue({});
  queue.open(true);
  queue.wake();
  EXPECT_FALSE(queue.pop(core::TimePoint::max()));
}

}  // namespace
}  // namespace partyline::gateway
