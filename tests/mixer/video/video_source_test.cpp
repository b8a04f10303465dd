// One member's input with its strand run by hand.
#include "mixer/video/video_source.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <random>

#include "tests/mixer/video/video_test_support.hpp"

namespace partyline::mixer {
namespace {

using namespace test;

struct CountingFeedback : core::MediaFeedback {
  int requests = 0;
  void request_keyframe() override { ++requests; }
  void set_target_bitrate(core::Bitrate) override {}
};

struct VideoSourceTest : testing::Test {
  boost::asio::io_context context;
  std::shared_ptr<VideoSource> source = std::make_shared<VideoSource>(context.get_executor());
  std::shared_ptr<CountingFeedback> feedback = std::make_shared<CountingFeedback>();
  Camera camera{{320, 240}};

  void SetUp() override {
    source->set_feedback(feedback);
    source->set_wanted(true, core::Clock::now());
  }
  void run() {
    context.restart();
    context.poll();
  }
  core::EncodedFrame shot(Yuv colour, bool keyframe) {
    return camera.take(solid({320, 240}, colour).view(), keyframe, core::Clock::now());
  }
  std::optional<Picture> shown() {
    run();
    return source->take_due(core::Clock::now() + 10s, {});
  }
};

TEST_F(VideoSourceTest, asks_for_a_keyframe_before_anything_came) {
  EXPECT_EQ(feedback->requests, 1);
}

TEST_F(VideoSourceTest, a_feedback_that_comes_late_is_asked_at_once) {
  auto other = std::make_shared<VideoSource>(context.get_executor());
  other->set_wanted(true, core::Clock::now());
  auto late = std::make_shared<CountingFeedback>();
  other->set_feedback(late);
  EXPECT_EQ(late->requests, 1);
}

TEST_F(VideoSourceTest, a_picture_that_is_passed_on_and_not_decoded_stands_still_all_the_same) {
  core::TimePoint now = core::Clock::now();
  const auto pass = [&](int pictures) {
    for (int i = 0; i < pictures; ++i) source->note_passed(now += 33ms);
  };
  pass(30);
  now += 1s;
  pass(30);
  EXPECT_EQ(source->stats().freezes, 0u) << "it is decoded here: that is where it is seen";
  source->set_wanted(false, now);
  pass(30);
  EXPECT_EQ(source->stats().freezes, 0u);
  now += 1s;
  pass(30);
  EXPECT_EQ(source->stats().freezes, 1u);
  EXPECT_NEAR(static_cast<double>(source->stats().frozen_ms), 1000, 20);
}

TEST_F(VideoSourceTest, a_camera_that_is_off_for_a_while_does_not_stand_still) {
  core::TimePoint now = core::Clock::now();
  const auto pass = [&](int pictures) {
    for (int i = 0; i < pictures; ++i) source->note_passed(now += 33ms);
  };
  source->set_wanted(false, now);
  pass(30);
  source->note_pause();
  now += 10s;
  pass(30);
  EXPECT_EQ(source->stats().freezes, 0u);
  EXPECT_EQ(source->stats().frozen_ms, 0u);
  now += 1s;
  pass(30);
  EXPECT_EQ(source->stats().freezes, 1u) << "but after it as before";
}

TEST_F(VideoSourceTest, a_broken_stream_is_never_shown_and_a_keyframe_mends_it) {
  source->push(shot(kRed, true));
  ASSERT_TRUE(near(pixel(shown()->view, 160, 120), kRed));
  std::minstd_rand random(1);
  for (int i = 0; i < 50; ++i) {
    core::EncodedFrame frame = shot(i % 2 == 0 ? kBlue : kGreen, false);
    core::Buffer damaged = core::Buffer::copy_of(frame.data);
    for (size_t at = 6; at < damaged.size(); ++at) damaged.data()[at] = static_cast<uint8_t>(random() >> 8);
    frame.buffer = damaged;
    frame.data = std::as_const(frame.buffer).span();
    frame.after_loss = i == 10;
    source->push(frame);
    const auto picture = shown();
    // A damaged frame may by chance be a whole one that changes nothing; it may not be anything else.
    EXPECT_TRUE(!picture || near(pixel(picture->view, 160, 120), kRed)) << i;
  }
  EXPECT_GT(source->stats().frames_dropped, 30u);
  EXPECT_GE(source->stats().keyframe_requests, 1u);
  source->push(shot(kBlue, true));
  ASSERT_TRUE(near(pixel(shown()->view, 160, 120), kBlue));
}

TEST_F(VideoSourceTest, the_codec_may_change_in_the_middle_of_a_call) {
  source->push(shot(kRed, true));
  ASSERT_TRUE(shown());
  Camera vp8({640, 480}, core::Codec::vp8);
  source->push(vp8.take(solid({640, 480}, kBlue).view(), true, core::Clock::now()));
  auto picture = shown();
  ASSERT_TRUE(picture);
  EXPECT_EQ(picture->view.size, (core::VideoSize{640, 480}));
  source->push(vp8.take(solid({640, 480}, kGreen).view(), false, core::Clock::now()));
  ASSERT_TRUE(near(pixel(shown()->view, 100, 100), kGreen));
  source->push(shot(kRed, true));
  ASSERT_TRUE(near(pixel(shown()->view, 100, 100), kRed));
}

TEST_F(VideoSourceTest, a_picture_that_is_shown_survives_its_decoder) {
  source->push(shot(kRed, true));
  const auto picture = shown();
  ASSERT_TRUE(picture);
  source->set_wanted(false, core::Clock::now());
  run();
  source.reset();
  EXPECT_TRUE(near(pixel(picture->view, 160, 120), kRed));
}

TEST_F(VideoSourceTest, what_came_just_before_it_was_wanted_is_seen_at_once) {
  source->set_wanted(false, core::Clock::now());
  source->push(shot(kRed, true));
  source->push(shot(kBlue, false));
  EXPECT_FALSE(shown());
  EXPECT_EQ(source->stats().frames_decoded, 0u) << "nothing is decoded that nobody sees";
  source->set_wanted(true, core::Clock::now());
  const auto picture = shown();
  ASSERT_TRUE(picture);
  EXPECT_TRUE(near(pixel(picture->view, 160, 120), kBlue));
}

TEST_F(VideoSourceTest, a_burst_beyond_the_queue_is_counted_and_mended_by_a_keyframe) {
  source->push(shot(kRed, true));
  for (int i = 0; i < 100; ++i) source->push(shot(kRed, false));
  run();
  EXPECT_GT(source->stats().frames_dropped, 0u);
  source->push(shot(kGreen, true));
  ASSERT_TRUE(near(pixel(shown()->view, 160, 120), kGreen));
}

}  // namespace
}  // namespace partyline::mixer
