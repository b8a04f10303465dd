#include "mixer/video/source_logic.hpp"

#include <gtest/gtest.h>

#include "tests/mixer/video/video_test_support.hpp"

namespace partyline::mixer {
namespace {

using namespace test;

core::EncodedFrame frame(bool keyframe, bool after_loss = false, core::Codec codec = core::Codec::h264,
                         size_t size = 100) {
  core::EncodedFrame made;
  made.codec = codec;
  made.buffer = core::Buffer::allocate(size);
  made.buffer.resize(size);
  made.data = std::as_const(made.buffer).span();
  made.keyframe = keyframe;
  made.after_loss = after_loss;
  return made;
}

struct SourceLogicTest : testing::Test {
  SourceLogic logic;
  void SetUp() override { logic.set_wanted(true, at(0ms)); }
  int drain() {
    int count = 0;
    while (logic.next()) ++count;
    return count;
  }
};

TEST_F(SourceLogicTest, a_decoder_starts_at_a_keyframe_and_asks_for_one_at_once) {
  EXPECT_TRUE(logic.poll_request(at(0ms)));
  logic.push(frame(false), at(1ms));
  EXPECT_FALSE(logic.next());
  logic.push(frame(true), at(2ms));
  logic.push(frame(false), at(3ms));
  const auto first = logic.next();
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->restart);
  EXPECT_FALSE(logic.next()->restart);
  EXPECT_EQ(logic.drops().no_keyframe, 1u);
}

TEST_F(SourceLogicTest, nothing_after_a_loss_is_decoded_until_the_next_keyframe) {
  logic.push(frame(true), at(0ms));
  drain();
  logic.on_decoded(true);
  EXPECT_FALSE(logic.poll_request(at(100ms)));
  logic.push(frame(false, true), at(1s));
  logic.push(frame(false), at(1033ms));
  EXPECT_EQ(drain(), 0);
  EXPECT_TRUE(logic.poll_request(at(1033ms)));
  EXPECT_FALSE(logic.poll_request(at(1100ms)));
  EXPECT_TRUE(logic.poll_request(at(1533ms))) << "asks again after half a second";
  logic.push(frame(true, true), at(1600ms));
  const auto work = logic.next();
  ASSERT_TRUE(work) << "a keyframe after loss is whole";
  EXPECT_TRUE(work->restart);
  logic.on_decoded(true);
  EXPECT_FALSE(logic.poll_request(at(1h)));
}

TEST_F(SourceLogicTest, a_decode_error_skips_to_the_next_keyframe_that_waits) {
  logic.push(frame(true), at(0ms));
  logic.push(frame(false), at(1ms));
  logic.push(frame(true), at(2ms));
  logic.push(frame(false), at(3ms));
  ASSERT_TRUE(logic.next());
  logic.on_error(at(4ms));
  const auto work = logic.next();
  ASSERT_TRUE(work);
  EXPECT_TRUE(work->frame.keyframe);
  EXPECT_TRUE(work->restart);
  EXPECT_TRUE(logic.next());
}

TEST_F(SourceLogicTest, a_keyframe_that_cannot_be_decoded_is_asked_for_again) {
  ASSERT_TRUE(logic.poll_request(at(0ms)));
  logic.push(frame(true), at(100ms));
  logic.next();
  logic.on_error(at(101ms));
  EXPECT_TRUE(logic.poll_request(at(500ms)));
  logic.push(frame(false), at(510ms));
  EXPECT_FALSE(logic.next()) << "nothing can follow a broken keyframe";
}

TEST_F(SourceLogicTest, a_source_that_outruns_its_decoder_is_dropped_to_the_next_keyframe) {
  logic.push(frame(true), at(0ms));
  for (int i = 0; i < 200; ++i) logic.push(frame(false), at(1ms));
  EXPECT_GE(logic.drops().total(), 130u);
  EXPECT_LE(drain(), static_cast<int>(SourceLogic::kMaxFrames));
  EXPECT_TRUE(logic.poll_request(at(1s)));
  logic.push(frame(true), at(2s));
  EXPECT_EQ(drain(), 1);
}

TEST_F(SourceLogicTest, the_queue_is_bounded_in_bytes_too) {
  logic.push(frame(true, false, core::Codec::h264, SourceLogic::kMaxBytes + 1), at(0ms));
  EXPECT_EQ(drain(), 0);
  for (int i = 0; i < 10; ++i) logic.push(frame(true, false, core::Codec::h264, SourceLogic::kMaxBytes / 2), at(1ms));
  EXPECT_LE(drain(), 2);
}

TEST_F(SourceLogicTest, a_codec_changes_at_a_keyframe_only) {
  logic.push(frame(true), at(0ms));
  logic.push(frame(false, false, core::Codec::vp8), at(1ms));
  EXPECT_EQ(drain(), 1);
  logic.push(frame(true, false, core::Codec::vp8), at(2ms));
  const auto work = logic.next();
  ASSERT_TRUE(work);
  EXPECT_EQ(work->frame.codec, core::Codec::vp8);
}

TEST_F(SourceLogicTest, while_nobody_looks_the_frames_since_the_last_keyframe_are_kept_for_whoever_comes) {
  logic.set_wanted(false, at(0ms));
  logic.push(frame(true), at(1ms));
  logic.push(frame(false), at(2ms));
  logic.push(frame(true), at(3ms));
  logic.push(frame(false), at(4ms));
  EXPECT_FALSE(logic.has_work());
  EXPECT_FALSE(logic.poll_request(at(5ms))) << "nobody asks for what nobody sees";
  logic.set_wanted(true, at(6ms));
  EXPECT_EQ(drain(), 2);
}

TEST_F(SourceLogicTest, what_is_kept_while_nobody_looks_is_bounded) {
  logic.set_wanted(false, at(0ms));
  logic.push(frame(true), at(1ms));
  for (int i = 0; i < 1000; ++i) logic.push(frame(false), at(2ms));
  logic.set_wanted(true, at(3ms));
  EXPECT_TRUE(logic.poll_request(at(3ms)));
  EXPECT_LE(drain(), static_cast<int>(SourceLogic::kMaxFrames));
}

TEST_F(SourceLogicTest, audio_and_empty_frames_are_ignored) {
  logic.push(frame(true, false, core::Codec::opus), at(0ms));
  logic.push(core::EncodedFrame{}, at(0ms));
  EXPECT_EQ(drain(), 0);
}

}  // namespace
}  // namespace partyline::mixer
