// Bitrates of the mix: encoders that change theirs while running, follow the slowest of their receivers, and sources
// that are asked for no more than their tile shows.
#include <gtest/gtest.h>

#include <random>

#include "mixer/video/video_source.hpp"
#include "mixer/worker_pool.hpp"
#include "tests/mixer/video/video_test_support.hpp"

namespace partyline::mixer {
namespace {

using namespace test;
using core::Bitrate;

/// Noise that never compresses: the encoder spends what it is given.
I420Image busy(core::VideoSize size, uint32_t seed) {
  I420Image image(size);
  std::minstd_rand random(seed);
  for (int y = 0; y < size.height; y += 4) {
    for (int x = 0; x < size.width; ++x) {
      const auto value = static_cast<uint8_t>(96 + (random() >> 9 & 63));
      for (int dy = 0; dy < 4 && y + dy < size.height; ++dy) image.y()[(y + dy) * image.stride_y() + x] = value;
    }
  }
  for (int i = 0; i < image.stride_uv() * size.height / 2; ++i) image.u()[i] = image.v()[i] = 128;
  return image;
}

class Running : public testing::TestWithParam<core::Codec> {};

TEST_P(Running, an_encoder_changes_its_bitrate_without_a_keyframe) {
  const VideoRendition rendition{GetParam(), {320, 180}, 30, Bitrate::kbps(1200), 0};
  auto encoder = std::move(*make_video_encoder(rendition));
  uint32_t count = 0;
  const auto mean_kbps = [&](int frames) {
    size_t bytes = 0;
    for (int i = 0; i < frames; ++i, ++count) {
      EncodedPicture out;
      encoder->encode(busy(rendition.size, count).view(), count * 3000, count == 0, out);
      EXPECT_EQ(out.keyframe, count == 0);
      bytes += out.buffer.size();
    }
    return static_cast<double>(bytes) * 8 * 30 / frames / 1000;
  };
  mean_kbps(30);
  const double full = mean_kbps(60);
  encoder->set_bitrate(Bitrate::kbps(600));
  mean_kbps(30);
  const double half = mean_kbps(60);
  encoder->set_bitrate(Bitrate::kbps(1200));
  mean_kbps(90);
  const double again = mean_kbps(60);
  EXPECT_NEAR(full, 1200, 250);
  EXPECT_NEAR(half, 600, 150);
  EXPECT_NEAR(again, 1200, 250);
}

INSTANTIATE_TEST_SUITE_P(Video, Running, testing::Values(core::Codec::h264, core::Codec::vp8));

TEST(Targets, an_encoder_follows_the_slowest_of_its_receivers_down_to_half) {
  Room room;
  const VideoRendition rendition;
  for (const OutputId id : {1, 2, 3}) room.watch(id);
  const auto now = [&] { return *room.core.output_bitrate(2); };
  EXPECT_EQ(now(), rendition.bitrate);
  room.core.set_output_target(1, Bitrate::kbps(1700));
  room.core.set_output_target(3, Bitrate::kbps(1400));
  EXPECT_EQ(now(), Bitrate::kbps(1400));
  room.core.set_output_target(3, Bitrate::kbps(200));
  EXPECT_EQ(now(), Bitrate::kbps(1000));
  room.core.remove_output(3);
  EXPECT_EQ(now(), Bitrate::kbps(1700));
  room.core.set_output_target(1, Bitrate::kbps(9000));
  EXPECT_EQ(now(), rendition.bitrate);
  EXPECT_FALSE(room.core.output_bitrate(3));
}

TEST(Targets, all_renditions_of_a_room_count_time_from_one_origin) {
  Room room;
  const VideoRendition small{core::Codec::h264, {320, 180}, 30, Bitrate::kbps(300), 0};
  const auto first = room.watch(1);
  for (int i = 0; i < 3; ++i) room.tick();
  const auto second = room.watch(2, small);
  room.tick();
  ASSERT_FALSE(second->frames.empty());
  EXPECT_EQ(second->frames.back().rtp_time, first->frames.back().rtp_time);
  EXPECT_GT(second->frames.back().rtp_time, 0);
}

struct Wishes final : core::MediaFeedback {
  void request_keyframe() override {}
  void set_target_bitrate(Bitrate target) override { last = target; }
  std::optional<Bitrate> last;
};

TEST(Wishes, a_source_is_asked_for_what_its_tile_is_worth) {
  WorkerPool pool(1);
  const auto source = std::make_shared<VideoSource>(pool.executor());
  const auto early = std::make_shared<Wishes>(), late = std::make_shared<Wishes>();
  source->set_feedback(early);
  EXPECT_FALSE(early->last) << "not placed yet: nothing to wish";
  source->set_shown_size({1280, 720});
  EXPECT_NEAR(static_cast<double>(early->last->bits_per_second), 2.1e6, 0.1e6);
  source->set_shown_size({320, 180});
  EXPECT_NEAR(static_cast<double>(early->last->bits_per_second), 0.26e6, 0.02e6);
  source->set_shown_size({});
  EXPECT_EQ(early->last, Bitrate::kbps(64));
  source->set_feedback(late);
  EXPECT_EQ(late->last, Bitrate::kbps(64)) << "who comes later is told, too";
}

struct SizedFeed : ScriptedFeed {
  core::VideoSize shown;
  void set_shown_size(core::VideoSize size) override { shown = size; }
};

TEST(Wishes, the_layout_says_how_large_each_source_is_shown) {
  Room room;
  room.watch(1);
  std::vector<std::shared_ptr<SizedFeed>> feeds;
  const auto join = [&] {
    feeds.push_back(std::make_shared<SizedFeed>());
    room.core.add_tile(feeds.size(), "", true, feeds.back());
    room.tick();
  };
  join();
  EXPECT_EQ(feeds[0]->shown, (core::VideoSize{1280, 720}));
  join();
  EXPECT_EQ(feeds[0]->shown, (core::VideoSize{640, 360}));
  room.core.set_video_muted(1, true);
  room.tick();
  EXPECT_EQ(feeds[0]->shown, (core::VideoSize{}));
  EXPECT_EQ(feeds[1]->shown, (core::VideoSize{640, 360}));
}

}  // namespace
}  // namespace partyline::mixer
