#include "rtp/jitter/decodability.hpp"

#include <gtest/gtest.h>

namespace partyline::rtp {
namespace {

using Verdict = Decodability::Verdict;
constexpr int64_t kTicks = 3000;

PictureInfo h264(uint32_t frame_num, bool disposable, bool keyframe = false) {
  PictureInfo info;
  info.keyframe = keyframe;
  info.disposable = disposable;
  info.frame_num = frame_num;
  info.frame_num_modulus = 16;
  return info;
}

PictureInfo vp8(uint16_t picture_id, uint8_t base_index, uint8_t temporal_id, bool sync = false,
                bool keyframe = false) {
  PictureInfo info;
  info.keyframe = keyframe;
  info.picture_id = picture_id;
  info.picture_id_modulus = 0x8000;
  info.base_index = base_index;
  info.temporal_id = temporal_id;
  info.layer_sync = sync;
  return info;
}

TEST(Decodability, nothing_is_decodable_before_a_keyframe_and_all_is_behind_one) {
  Decodability stream;
  EXPECT_EQ(stream.judge(h264(3, false), 0, kTicks), Verdict::undecodable);
  EXPECT_EQ(stream.judge(h264(0, false, true), 5, kTicks), Verdict::decodable);
  for (uint32_t i = 1; i < 40; ++i) EXPECT_EQ(stream.judge(h264(i % 16, false), 0, kTicks), Verdict::decodable);
}

TEST(Decodability, a_lost_reference_needs_a_keyframe) {
  for (const uint32_t start : {5u, 14u, 15u}) {  // around the wrap of frame_num, too
    Decodability stream;
    stream.judge(h264(0, false, true), 0, kTicks);
    stream.judge(h264(start, true), 0, kTicks);
    EXPECT_EQ(stream.judge(h264((start + 1) % 16, false), 1, 2 * kTicks), Verdict::undecodable) << start;
    EXPECT_TRUE(stream.broken());
    EXPECT_EQ(stream.judge(h264((start + 2) % 16, false), 0, kTicks), Verdict::undecodable) << start;
    EXPECT_EQ(stream.judge(h264(0, false, true), 0, kTicks), Verdict::decodable);
  }
}

TEST(Decodability, a_lost_disposable_picture_does_no_harm) {
  for (const uint32_t start : {4u, 14u, 15u}) {
    Decodability stream;
    stream.judge(h264(0, false, true), 0, kTicks);
    stream.judge(h264(start, true), 0, kTicks);   // so that the sender is known to make such
    stream.judge(h264(start, false), 0, kTicks);  // a reference; the next disposable one is lost
    EXPECT_EQ(stream.judge(h264((start + 1) % 16, false), 2, 2 * kTicks), Verdict::decodable) << start;
  }
}

TEST(Decodability, a_hole_as_long_as_a_turn_of_frame_num_is_not_believed) {
  Decodability stream;
  stream.judge(h264(0, false, true), 0, kTicks);
  stream.judge(h264(1, true), 0, kTicks);
  stream.judge(h264(1, false), 0, kTicks);
  EXPECT_EQ(stream.judge(h264(2, false), 30, 32 * kTicks), Verdict::undecodable);
}

TEST(Decodability, a_picture_id_that_follows_says_that_only_padding_was_lost) {
  for (const uint16_t id : {uint16_t{9}, uint16_t{0x7FFF}}) {
    Decodability stream;
    PictureInfo key = vp8(id, 0, 0, false, true), next = vp8(static_cast<uint16_t>((id + 1) & 0x7FFF), 0, 0);
    key.base_index = next.base_index = std::nullopt;
    stream.judge(key, 0, kTicks);
    EXPECT_EQ(stream.judge(next, 3, kTicks), Verdict::decodable);
    next.picture_id = static_cast<uint16_t>((id + 3) & 0x7FFF);
    EXPECT_EQ(stream.judge(next, 3, kTicks), Verdict::undecodable);
  }
}

// T0 T2 T1 T2 | T0 … as Chromium sends three temporal layers; Y only where said.
TEST(Decodability, a_lost_upper_layer_waits_for_its_sync_and_the_base_goes_on) {
  Decodability stream;
  stream.judge(vp8(10, 254, 0, false, true), 0, kTicks);
  EXPECT_EQ(stream.judge(vp8(11, 254, 2, true), 0, kTicks), Verdict::decodable);
  // 12 (T1) is lost.
  EXPECT_EQ(stream.judge(vp8(13, 254, 2), 2, kTicks), Verdict::layer_broken);
  EXPECT_FALSE(stream.broken());
  EXPECT_EQ(stream.judge(vp8(14, 255, 0), 0, kTicks), Verdict::decodable);
  EXPECT_EQ(stream.judge(vp8(15, 255, 2), 0, kTicks), Verdict::layer_broken);
  EXPECT_EQ(stream.judge(vp8(16, 255, 1, true), 0, kTicks), Verdict::decodable);
  EXPECT_EQ(stream.judge(vp8(17, 255, 2), 0, kTicks), Verdict::layer_broken);
  EXPECT_EQ(stream.judge(vp8(18, 0, 0), 0, kTicks), Verdict::decodable);
  EXPECT_EQ(stream.judge(vp8(19, 0, 2, true), 0, kTicks), Verdict::decodable);
  EXPECT_EQ(stream.judge(vp8(20, 0, 1), 0, kTicks), Verdict::decodable);
  EXPECT_EQ(stream.judge(vp8(21, 0, 2), 0, kTicks), Verdict::decodable);
}

TEST(Decodability, a_lost_base_layer_needs_a_keyframe) {
  Decodability stream;
  stream.judge(vp8(10, 7, 0, false, true), 0, kTicks);
  stream.judge(vp8(11, 7, 1, true), 0, kTicks);
  EXPECT_EQ(stream.judge(vp8(13, 8, 1, true), 2, kTicks), Verdict::undecodable);  // 12 was T0, index 8
  EXPECT_EQ(stream.judge(vp8(14, 9, 0), 0, kTicks), Verdict::undecodable);
}

TEST(Decodability, a_broken_keyframe_leaves_nothing_to_trust) {
  Decodability stream;
  stream.judge(h264(0, false, true), 0, kTicks);
  stream.judge(h264(0, true), 0, kTicks);
  stream.on_broken(h264(0, false, true));
  EXPECT_EQ(stream.judge(h264(1, false), 1, kTicks), Verdict::undecodable);
}

TEST(Decodability, a_broken_vp8_picture_that_says_it_is_disposable_is_no_loss) {
  Decodability stream;
  PictureInfo key = vp8(127, 0, 0, false, true), broken = vp8(0, 0, 0), next = vp8(1, 0, 0);
  for (PictureInfo* info : {&key, &broken, &next}) {
    info->base_index = std::nullopt;
    info->picture_id_modulus = 128;
  }
  broken.disposable = true;
  stream.judge(key, 0, kTicks);
  stream.on_broken(broken);
  EXPECT_EQ(stream.judge(next, 1, kTicks), Verdict::decodable);
}

}  // namespace
}  // namespace partyline::rtp
