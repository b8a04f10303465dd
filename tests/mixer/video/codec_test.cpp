// The codec libraries behind our interface: what comes out of the encoders, and what decoders must not let through.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/mixer/video/video_test_support.hpp"

namespace partyline::mixer {
namespace {

using namespace test;

struct Nal {
  int type = 0;
  std::span<const uint8_t> bytes;
};

std::vector<Nal> nals_of(std::span<const uint8_t> data) {
  std::vector<size_t> starts;
  for (size_t i = 0; i + 3 < data.size(); ++i) {
    if (data[i] == 0 && data[i + 1] == 0 && data[i + 2] == 1) starts.push_back(i + 3);
  }
  std::vector<Nal> nals;
  for (size_t i = 0; i < starts.size(); ++i) {
    size_t end = i + 1 < starts.size() ? starts[i + 1] - 3 : data.size();
    while (i + 1 < starts.size() && end > starts[i] && data[end - 1] == 0) --end;
    nals.push_back({data[starts[i]] & 31, data.subspan(starts[i], end - starts[i])});
  }
  return nals;
}

/// Hard to compress: noise that moves.
I420Image noise(core::VideoSize size, uint32_t seed) {
  I420Image image(size);
  std::minstd_rand random(seed);
  for (int i = 0; i < image.stride_y() * size.height; ++i) image.y()[i] = static_cast<uint8_t>(random() >> 8);
  fill(image, {0, 0, 2, 2}, kRed);
  for (int i = 0; i < image.stride_uv() * size.height / 2; ++i) image.u()[i] = image.v()[i] = 128;
  return image;
}

/// A picture with something everywhere that moves a little.
I420Image scene(core::VideoSize size, int frame) {
  I420Image image(size);
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      image.y()[y * image.stride_y() + x] = static_cast<uint8_t>(60 + ((x + 3 * frame) / 7 + y / 5) % 120);
    }
  }
  for (int i = 0; i < image.stride_uv() * size.height / 2; ++i) image.u()[i] = image.v()[i] = 128;
  return image;
}

TEST(H264Encoder, a_keyframe_carries_sps_and_pps_of_the_constrained_baseline_profile_and_its_level) {
  auto encoder = std::move(*make_video_encoder({}));
  EncodedPicture out;
  ASSERT_TRUE(encoder->encode(solid({1280, 720}, kRed).view(), 0, true, out));
  EXPECT_TRUE(out.keyframe);
  const auto nals = nals_of(std::as_const(out.buffer).span());
  ASSERT_EQ(nals.size(), 3u);
  EXPECT_EQ(nals[0].type, 7);
  EXPECT_EQ(nals[1].type, 8);
  EXPECT_EQ(nals[2].type, 5);
  EXPECT_EQ(nals[0].bytes[1], 66) << "profile_idc: baseline";
  EXPECT_EQ(nals[0].bytes[2] & 0x40, 0x40) << "constraint_set1_flag";
  EXPECT_EQ(nals[0].bytes[3], 31);
}

TEST(H264Encoder, makes_keyframes_only_when_told) {
  auto encoder = std::move(*make_video_encoder({core::Codec::h264, {320, 180}, 30, core::Bitrate::kbps(300), 0}));
  int keyframes = 0;
  for (int i = 0; i < 400; ++i) {
    EncodedPicture out;
    ASSERT_TRUE(encoder->encode(solid({320, 180}, i % 40 < 20 ? kRed : kBlue).view(), i * 3000, i % 300 == 0, out));
    keyframes += out.keyframe ? 1 : 0;
    EXPECT_EQ(out.keyframe, i % 300 == 0);
  }
  EXPECT_EQ(keyframes, 2);
}

TEST(H264Encoder, no_nal_unit_is_larger_than_the_limit_of_packetization_mode_0) {
  for (const int limit : {400, 1200}) {
    auto encoder =
        std::move(*make_video_encoder({core::Codec::h264, {640, 360}, 30, core::Bitrate::kbps(2000), limit}));
    size_t largest = 0;
    for (int i = 0; i < 30; ++i) {
      EncodedPicture out;
      const I420Image image = i % 2 == 0 ? noise({640, 360}, static_cast<uint32_t>(i)) : scene({640, 360}, i);
      ASSERT_TRUE(encoder->encode(image.view(), i * 3000, i % 10 == 0, out));
      for (const Nal& nal : nals_of(std::as_const(out.buffer).span())) largest = std::max(largest, nal.bytes.size());
    }
    EXPECT_LE(largest, static_cast<size_t>(limit));
    EXPECT_GT(largest, static_cast<size_t>(limit) / 2) << "the limit was reached at all";
  }
}

TEST(H264Encoder, keeps_to_its_bitrate) {
  auto encoder = std::move(*make_video_encoder({core::Codec::h264, {640, 360}, 30, core::Bitrate::kbps(500), 0}));
  size_t bytes = 0;
  for (int i = 0; i < 150; ++i) {
    EncodedPicture out;
    ASSERT_TRUE(encoder->encode(scene({640, 360}, i * i).view(), i * 3000, i % 60 == 0, out));
    bytes += out.buffer.size();
  }
  EXPECT_LT(static_cast<double>(bytes) * 8 / 5, 500e3 * 1.25);
}

TEST(H264Level, is_the_lowest_that_holds_size_rate_and_bitrate) {
  EXPECT_EQ(h264_level({1280, 720}, 30, core::Bitrate::kbps(2000)), 31);
  EXPECT_EQ(h264_level({1280, 720}, 60, core::Bitrate::kbps(2000)), 32);
  EXPECT_EQ(h264_level({1920, 1080}, 30, core::Bitrate::kbps(4000)), 40);
  EXPECT_EQ(h264_level({640, 360}, 30, core::Bitrate::kbps(600)), 30);
  EXPECT_EQ(h264_level({640, 360}, 15, core::Bitrate::kbps(600)), 22);
  EXPECT_EQ(h264_level({352, 288}, 30, core::Bitrate::kbps(500)), 13);
  EXPECT_EQ(h264_level({176, 144}, 15, core::Bitrate::kbps(60)), 10);
}

class BothCodecs : public testing::TestWithParam<core::Codec> {};
INSTANTIATE_TEST_SUITE_P(Video, BothCodecs, testing::Values(core::Codec::h264, core::Codec::vp8),
                         [](const auto& each) { return std::string(core::name_of(each.param)); });

TEST_P(BothCodecs, every_frame_gives_its_picture_at_once_with_its_capture_time) {
  Camera camera({320, 240}, GetParam());
  auto decoder = std::move(*make_video_decoder(GetParam()));
  for (int i = 0; i < 10; ++i) {
    const Yuv colour = i % 2 == 0 ? kRed : kGreen;
    const core::TimePoint when = at(i * 40ms);
    Picture picture;
    ASSERT_EQ(decoder->decode(camera.take(solid({320, 240}, colour).view(), i == 0, when), picture),
              DecodeStatus::picture);
    EXPECT_EQ(picture.capture, when);
    EXPECT_EQ(picture.view.size, (core::VideoSize{320, 240}));
    EXPECT_TRUE(near(pixel(picture.view, 160, 120), colour)) << i;
  }
}

TEST_P(BothCodecs, the_size_may_change_at_any_keyframe) {
  auto decoder = std::move(*make_video_decoder(GetParam()));
  for (const core::VideoSize size : {core::VideoSize{640, 360}, core::VideoSize{360, 640}, core::VideoSize{176, 144},
                                     core::VideoSize{1280, 720}, core::VideoSize{50, 34}}) {
    Camera camera(size, GetParam());
    Picture picture;
    ASSERT_EQ(decoder->decode(camera.take(solid(size, kBlue).view(), true, at(0ms)), picture), DecodeStatus::picture);
    EXPECT_EQ(picture.view.size, size);
    EXPECT_TRUE(near(pixel(picture.view, size.width / 2, size.height / 2), kBlue));
  }
}

TEST_P(BothCodecs, garbage_is_an_error_and_never_a_picture) {
  std::minstd_rand random(7);
  auto decoder = std::move(*make_video_decoder(GetParam()));
  for (int round = 0; round < 300; ++round) {
    core::EncodedFrame frame;
    frame.codec = GetParam();
    const size_t size = 1 + random() % 600;
    frame.buffer = core::Buffer::allocate(size);
    frame.buffer.resize(size);
    for (uint8_t& byte : frame.buffer.span()) byte = static_cast<uint8_t>(random() >> 8);
    if (GetParam() == core::Codec::h264 && size > 5) {
      std::copy_n(std::initializer_list<uint8_t>{0, 0, 0, 1, 0x65}.begin(), 5, frame.buffer.data());
    }
    if (GetParam() == core::Codec::vp8) frame.buffer.data()[0] |= 1;  // an interframe without anything before it
    frame.data = std::as_const(frame.buffer).span();
    Picture picture;
    EXPECT_NE(decoder->decode(frame, picture), DecodeStatus::picture) << round;
  }
}

TEST(H264Decoder, a_damaged_picture_is_an_error) {
  Camera camera({640, 360});
  int broken = 0;
  int wrong = 0;
  for (uint32_t seed = 1; seed <= 40; ++seed) {
    auto decoder = std::move(*make_video_decoder(core::Codec::h264));
    Picture picture;
    ASSERT_EQ(decoder->decode(camera.take(scene({640, 360}, 1).view(), true, at(0ms)), picture), DecodeStatus::picture);
    core::EncodedFrame frame = camera.take(noise({640, 360}, seed).view(), true, at(40ms));
    core::Buffer damaged = core::Buffer::copy_of(frame.data);
    std::minstd_rand random(seed);
    for (int i = 0; i < 20; ++i) damaged.data()[damaged.size() / 2 + random() % (damaged.size() / 2)] ^= 0xFF;
    frame.buffer = damaged;
    frame.data = std::as_const(frame.buffer).span();
    const DecodeStatus status = decoder->decode(frame, picture);
    broken += status == DecodeStatus::error ? 1 : 0;
    wrong += status == DecodeStatus::picture ? 1 : 0;
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(broken, 40);
}

TEST(H264Decoder, a_cut_off_picture_is_an_error) {
  Camera camera({640, 360});
  auto decoder = std::move(*make_video_decoder(core::Codec::h264));
  Picture picture;
  core::EncodedFrame frame = camera.take(noise({640, 360}, 3).view(), true, at(0ms));
  frame.data = frame.data.first(frame.data.size() / 2);
  EXPECT_EQ(decoder->decode(frame, picture), DecodeStatus::error);
}

TEST(H264Decoder, a_picture_with_a_missing_slice_is_an_error) {
  Camera camera({640, 360}, core::Codec::h264, 1200);
  auto decoder = std::move(*make_video_decoder(core::Codec::h264));
  const core::EncodedFrame whole = camera.take(noise({640, 360}, 3).view(), true, at(0ms));
  const auto nals = nals_of(whole.data);
  ASSERT_GT(nals.size(), 6u);
  core::Buffer holed = core::Buffer::allocate(whole.data.size() + 64);
  size_t size = 0;
  for (size_t i = 0; i < nals.size(); ++i) {
    if (i == 4) continue;
    for (const uint8_t byte : {0, 0, 0, 1}) holed.data()[size++] = byte;
    std::copy(nals[i].bytes.begin(), nals[i].bytes.end(), holed.data() + size);
    size += nals[i].bytes.size();
  }
  holed.resize(size);
  core::EncodedFrame frame = whole;
  frame.buffer = holed;
  frame.data = std::as_const(frame.buffer).span();
  Picture picture;
  EXPECT_EQ(decoder->decode(frame, picture), DecodeStatus::error);
}

TEST(H264Decoder, an_interframe_without_a_keyframe_before_it_is_not_shown) {
  Camera camera({320, 240});
  camera.take(scene({320, 240}, 0).view(), true, at(0ms));
  auto decoder = std::move(*make_video_decoder(core::Codec::h264));
  Picture picture;
  EXPECT_NE(decoder->decode(camera.take(scene({320, 240}, 1).view(), false, at(40ms)), picture), DecodeStatus::picture);
}

TEST(VideoDecoder, other_codecs_are_refused) {
  EXPECT_EQ(make_video_decoder(core::Codec::opus).error().code, core::ErrorCode::unsupported);
}

TEST(Vp8Decoder, a_picture_of_16383_pixels_a_side_is_refused_without_allocating_it) {
  // RFC 6386 §9.1: frame tag of a keyframe, start code, 14-bit width and height.
  core::EncodedFrame frame;
  frame.codec = core::Codec::vp8;
  std::vector<uint8_t> bytes{0x10, 0x02, 0x00, 0x9D, 0x01, 0x2A, 0xFF, 0x3F, 0xFF, 0x3F};
  bytes.resize(200);
  frame.buffer = core::Buffer::copy_of(bytes);
  frame.data = std::as_const(frame.buffer).span();
  auto decoder = std::move(*make_video_decoder(core::Codec::vp8));
  Picture picture;
  EXPECT_EQ(decoder->decode(frame, picture), DecodeStatus::error);
}

}  // namespace
}  // namespace partyline::mixer
