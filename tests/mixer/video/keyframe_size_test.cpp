// Keyframes on request in the middle of a conversation: how large they are beside the mean picture, since a narrow line
// is busy with one for as long as it is large, and what they do to the picture, which must not pump.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "tests/mixer/video/video_test_support.hpp"

namespace partyline::mixer {
namespace {

using namespace test;
using core::Bitrate;

/// Luma as natural pictures have it: as much contrast at each scale.
class Texture {
 public:
  Texture(int width, int height, uint32_t seed) : width_(width), values_(static_cast<size_t>(width * height), 128.0F) {
    std::minstd_rand random(seed);
    float amplitude = 34;
    for (int cell = 128; cell >= 2; cell /= 2, amplitude *= 0.62F) add(cell, amplitude, height, random);
  }
  float at(int x, int y) const { return values_[static_cast<size_t>(y * width_ + x)]; }

 private:
  void add(int cell, float amplitude, int height, std::minstd_rand& random) {
    const int across = width_ / cell + 2, down = height / cell + 2;
    std::vector<float> grid(static_cast<size_t>(across * down));
    for (float& each : grid) each = amplitude * (static_cast<float>(random() >> 8 & 1023) / 511.5F - 1);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width_; ++x) {
        const size_t from = static_cast<size_t>(y / cell * across + x / cell),
                     below = from + static_cast<size_t>(across);
        const float right = static_cast<float>(x % cell) / static_cast<float>(cell);
        const float low = static_cast<float>(y % cell) / static_cast<float>(cell);
        values_[static_cast<size_t>(y * width_ + x)] +=
            (grid[from] * (1 - right) + grid[from + 1] * right) * (1 - low) +
            (grid[below] * (1 - right) + grid[below + 1] * right) * low;
      }
    }
  }
  int width_;
  std::vector<float> values_;
};

/// A head before a wall, as a webcam sees it: it sways, and the sensor adds its noise.
class Webcam {
 public:
  explicit Webcam(core::VideoSize size)
      : size_(size), wall_(size.width, size.height, 3), head_(size.width, size.height, 8) {}
  I420Image picture(int number) {
    I420Image image(size_);
    const double phase = number / 30.0 * 2;
    const int dx = static_cast<int>(std::lround(size_.width * 0.05 * std::sin(phase)));
    const int dy = static_cast<int>(std::lround(size_.height * 0.02 * std::sin(2.7 * phase)));
    const int cx = size_.width / 2 + dx, cy = size_.height * 6 / 10 + dy, rx = size_.width / 5,
              ry = size_.height * 2 / 5;
    for (int y = 0; y < size_.height; ++y) {
      for (int x = 0; x < size_.width; ++x) {
        const double u = static_cast<double>(x - cx) / rx, v = static_cast<double>(y - cy) / ry;
        const bool head = u * u + v * v < 1;
        const int hx = std::clamp(x - dx, 0, size_.width - 1), hy = std::clamp(y - dy, 0, size_.height - 1);
        const float value = (head ? head_.at(hx, hy) : wall_.at(x, y)) + static_cast<float>(random_() >> 8 & 3) - 1.5F;
        image.y()[y * image.stride_y() + x] = static_cast<uint8_t>(std::clamp(value, 16.0F, 235.0F));
      }
    }
    for (int i = 0; i < image.stride_uv() * size_.height / 2; ++i) image.u()[i] = image.v()[i] = 128;
    return image;
  }

 private:
  core::VideoSize size_;
  Texture wall_, head_;
  std::minstd_rand random_{5};
};

double psnr(const I420View& a, const I420View& b) {
  double sum = 0;
  for (int y = 0; y < a.size.height; ++y) {
    for (int x = 0; x < a.size.width; ++x) {
      const double d = a.y[y * a.stride_y + x] - b.y[y * b.stride_y + x];
      sum += d * d;
    }
  }
  return 10 * std::log10(255.0 * 255 * a.size.width * a.size.height / std::max(sum, 1.0));
}

struct Story {
  double usual = 0;              ///< bytes of a picture, on average, before the request
  double keyframe = 0;           ///< bytes
  double before = 0, after = 0;  ///< dB: mean of a second before; mean of the second half second after it
  double least = 100;            ///< dB in the second that begins with the keyframe
  double kbps = 0;               ///< of the second that begins with the keyframe
};

Story tell(core::Codec codec, core::VideoSize size, Bitrate bitrate) {
  const VideoRendition rendition{codec, size, 30, bitrate, 0};
  auto encoder = std::move(*make_video_encoder(rendition));
  auto decoder = std::move(*make_video_decoder(codec));
  Webcam camera(size);
  Story story;
  constexpr int kRequest = 120;
  for (int i = 0; i < kRequest + 60; ++i) {
    const I420Image image = camera.picture(i);
    EncodedPicture out;
    EXPECT_TRUE(encoder->encode(image.view(), i * 3000, i == 0 || i == kRequest, out));
    core::EncodedFrame frame;
    frame.codec = codec;
    frame.buffer = out.buffer;
    frame.data = std::as_const(frame.buffer).span();
    frame.keyframe = out.keyframe;
    Picture shown;
    EXPECT_EQ(decoder->decode(frame, shown), DecodeStatus::picture);
    const double quality = psnr(image.view(), shown.view);
    const double bytes = static_cast<double>(out.buffer.size());
    if (i >= kRequest - 30 && i < kRequest) {
      story.usual += bytes / 30;
      story.before += quality / 30;
    }
    if (i == kRequest) story.keyframe = bytes;
    if (i >= kRequest && i < kRequest + 30) {
      story.least = std::min(story.least, quality);
      story.kbps += bytes * 8 / 1000;
      if (i >= kRequest + 15) story.after += quality / 15;
    }
  }
  return story;
}

class KeyframeOnRequest : public testing::TestWithParam<std::tuple<core::Codec, int>> {};

TEST_P(KeyframeOnRequest, is_a_few_pictures_large_and_is_not_seen) {
  const auto [codec, height] = GetParam();
  const core::VideoSize size{height * 16 / 9, height};
  const Story story = tell(codec, size, Bitrate::kbps(height == 720 ? 2000 : 600));
  EXPECT_LT(story.keyframe, 5.5 * story.usual);
  EXPECT_GT(story.least, story.before - 1.5) << "nothing is to be seen of it";
  EXPECT_GT(story.after, story.before - 0.3) << "half a second later all is as it was";
  EXPECT_LT(story.kbps, 1.15 * (height == 720 ? 2000 : 600)) << "its bits are saved again";
}

INSTANTIATE_TEST_SUITE_P(Video, KeyframeOnRequest,
                         testing::Combine(testing::Values(core::Codec::h264, core::Codec::vp8),
                                          testing::Values(360, 720)));

}  // namespace
}  // namespace partyline::mixer
