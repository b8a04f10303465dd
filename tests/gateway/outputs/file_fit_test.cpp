#include "gateway/outputs/file_fit.hpp"

#include <gtest/gtest.h>

#include <array>

namespace partyline::gateway {
namespace {

using namespace std::chrono_literals;
constexpr core::TimePoint kNow{core::TimePoint{} + 500s};

core::EncodedFrame frame(core::Codec codec, bool keyframe = false, std::span<const uint8_t> data = {}) {
  core::EncodedFrame made;
  made.codec = codec;
  made.keyframe = keyframe;
  made.data = data;
  return made;
}

// A keyframe's first bytes (RFC 6386 §9.1): 640x360.
constexpr std::array<uint8_t, 16> kVp8Keyframe{0x10, 0x02, 0x00, 0x9D, 0x01, 0x2A, 0x80, 0x02, 0x68, 0x01};

struct FileFit : testing::Test {
  MuxerTracks tracks{core::Codec::opus, PictureShape{core::Codec::h264, {640, 360}, {}}};
  FileBudget budget;
};

TEST_F(FileFit, what_the_container_has_named_goes_into_it) {
  EXPECT_EQ(judge(frame(core::Codec::opus), tracks, budget, kNow), Fit::this_file);
  EXPECT_EQ(judge(frame(core::Codec::h264), tracks, budget, kNow), Fit::this_file);
}

TEST_F(FileFit, sound_in_another_codec_begins_another_file) {
  EXPECT_EQ(judge(frame(core::Codec::pcmu), tracks, budget, kNow), Fit::another_file);
}

TEST_F(FileFit, pictures_in_another_codec_begin_another_file_at_a_keyframe_that_says_its_size) {
  EXPECT_EQ(judge(frame(core::Codec::vp8), tracks, budget, kNow), Fit::nowhere);
  EXPECT_EQ(judge(frame(core::Codec::vp8, true), tracks, budget, kNow), Fit::nowhere);
  EXPECT_EQ(judge(frame(core::Codec::vp8, true, kVp8Keyframe), tracks, budget, kNow), Fit::another_file);
}

TEST_F(FileFit, who_changes_with_each_frame_gets_no_file_for_each) {
  int files = 0;
  for (int i = 0; i < 50; ++i) files += judge(frame(core::Codec::pcmu), tracks, budget, kNow) == Fit::another_file;
  EXPECT_EQ(files, FileBudget::kAtOnce);
  EXPECT_EQ(judge(frame(core::Codec::opus), tracks, budget, kNow), Fit::this_file);
}

}  // namespace
}  // namespace partyline::gateway
