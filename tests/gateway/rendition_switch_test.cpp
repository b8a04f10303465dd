// The change from one encoder's pictures to another's.
#include "gateway/rendition_switch.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace partyline::gateway {
namespace {

using namespace std::chrono_literals;

struct Keeper final : core::FrameSink {
  void push(const core::EncodedFrame& frame) override { frames.push_back(frame); }
  std::vector<core::EncodedFrame> frames;
};

core::EncodedFrame picture(int tick, bool keyframe = false) {
  core::EncodedFrame frame;
  frame.codec = core::Codec::h264;
  frame.capture = core::TimePoint(1000h) + tick * 33ms;
  frame.rtp_time = tick * 2970;
  frame.keyframe = keyframe;
  return frame;
}

struct Fixture : testing::Test {
  std::shared_ptr<Keeper> out = std::make_shared<Keeper>();
  std::vector<uint64_t> switched;
  std::shared_ptr<RenditionSwitch> change =
      std::make_shared<RenditionSwitch>(out, [this](uint64_t port) { switched.push_back(port); });
};
using RenditionSwitchTest = Fixture;

TEST_F(RenditionSwitchTest, the_older_port_passes_until_the_newer_one_has_a_keyframe) {
  const auto one = change->port(1), two = change->port(2);
  one->push(picture(0, true));
  one->push(picture(1));
  two->push(picture(1));  // joined a running encoder: not decodable yet
  one->push(picture(2));
  two->push(picture(3, true));
  one->push(picture(3));
  one->push(picture(4, true));
  two->push(picture(4));
  ASSERT_EQ(out->frames.size(), 5u);
  EXPECT_TRUE(out->frames[3].keyframe);
  for (size_t i = 0; i < out->frames.size(); ++i) EXPECT_EQ(out->frames[i].rtp_time, static_cast<int64_t>(i) * 2970);
  EXPECT_EQ(switched, (std::vector<uint64_t>{1, 2}));
}

TEST_F(RenditionSwitchTest, the_stream_begins_with_a_keyframe) {
  const auto one = change->port(1);
  one->push(picture(0));
  EXPECT_TRUE(out->frames.empty());
  one->push(picture(1, true));
  EXPECT_EQ(out->frames.size(), 1u);
}

TEST_F(RenditionSwitchTest, two_pictures_of_one_tick_get_two_times) {
  const auto one = change->port(1), two = change->port(2);
  one->push(picture(0, true));
  one->push(picture(1));
  two->push(picture(1, true));
  two->push(picture(2));
  ASSERT_EQ(out->frames.size(), 4u);
  for (size_t i = 1; i < 4; ++i) {
    EXPECT_GT(out->frames[i].rtp_time, out->frames[i - 1].rtp_time);
    EXPECT_GT(out->frames[i].capture, out->frames[i - 1].capture);
  }
  EXPECT_NEAR(static_cast<double>(out->frames[3].rtp_time), 2 * 2970, 90);
}

TEST_F(RenditionSwitchTest, a_port_that_counts_from_elsewhere_is_put_in_line) {
  const auto one = change->port(1), two = change->port(2);
  one->push(picture(0, true));
  one->push(picture(1));
  for (int tick = 2; tick < 5; ++tick) {
    auto frame = picture(tick, tick == 2);
    frame.rtp_time += 123'456;
    two->push(frame);
  }
  ASSERT_EQ(out->frames.size(), 5u);
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(out->frames[i].rtp_time, static_cast<int64_t>(i) * 2970);
}

}  // namespace
}  // namespace partyline::gateway
