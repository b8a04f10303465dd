// Which outputs one receiver gets, as its path and its view change: a mixer that only keeps book.
#include "gateway/adaptive_picture.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <map>

#include "tests/gateway/support/output_book.hpp"

namespace partyline::gateway {
namespace {

using namespace std::chrono_literals;

constexpr mixer::VideoRendition kBest{core::Codec::h264, {1280, 720}, 30, core::Bitrate::kbps(2000)};
constexpr core::Bitrate kNarrow = core::Bitrate::kbps(300), kWide = core::Bitrate::kbps(5000);

struct NoSink final : core::FrameSink {
  void push(const core::EncodedFrame&) override {}
};

struct Receiver {
  boost::asio::io_context context;
  OutputBook mixer;
  core::TimePoint now{1h};
  std::shared_ptr<AdaptivePicture> picture =
      std::make_shared<AdaptivePicture>(context.get_executor(), mixer, "leg=test", std::make_shared<NoSink>());

  static std::vector<mixer::VideoRendition> steps(uint64_t hidden = 0) {
    auto all = rendition_steps(kBest, kBest);
    all.front().hidden_member = hidden;
    return all;
  }
  void begin(uint64_t hidden = 0) { EXPECT_TRUE(picture->start(steps(hidden))); }
  /// The newest output's first keyframe comes.
  void keyframe() {
    core::EncodedFrame frame;
    frame.keyframe = true;
    frame.capture = now;
    mixer.outputs.rbegin()->second.sink->push(frame);
    context.restart();
    context.poll();
  }
  void run(core::Bitrate available, core::Duration time) {
    for (const auto end = now + time; now < end; now += 500ms) picture->set_available(available, now);
  }
  const mixer::VideoRendition& sent() const { return mixer.outputs.rbegin()->second.rendition; }
};

TEST(AdaptivePicture, the_first_output_may_not_wait_and_those_after_it_may) {
  Receiver phone;
  phone.begin();
  EXPECT_FALSE(phone.mixer.outputs.rbegin()->second.traits.may_wait);
  phone.keyframe();
  phone.run(kNarrow, 5s);
  ASSERT_EQ(phone.mixer.outputs.size(), 2u);
  EXPECT_TRUE(phone.mixer.outputs.rbegin()->second.traits.may_wait);
  EXPECT_LT(phone.sent().size.width, 1280);
  phone.keyframe();
  EXPECT_EQ(phone.mixer.outputs.size(), 1u);
}

TEST(AdaptivePicture, a_step_that_could_not_be_had_is_tried_again) {
  Receiver phone;
  phone.begin();
  phone.keyframe();
  phone.mixer.full = true;
  phone.run(kNarrow, 5s);
  EXPECT_EQ(phone.mixer.outputs.size(), 1u);
  EXPECT_TRUE(phone.picture->at_best());
  EXPECT_EQ(phone.picture->switches(), 0u);
  phone.mixer.full = false;
  phone.run(kNarrow, 1s);
  EXPECT_EQ(phone.mixer.outputs.size(), 2u);
  EXPECT_FALSE(phone.picture->at_best());
  EXPECT_EQ(phone.picture->switches(), 1u);
}

TEST(AdaptivePicture, what_a_way_carried_is_forgotten_with_the_stop) {
  Receiver phone;
  phone.begin();
  phone.keyframe();
  phone.run(kNarrow, 5s);
  phone.keyframe();
  phone.picture->stop();
  EXPECT_TRUE(phone.mixer.outputs.empty());
  phone.begin();
  phone.keyframe();
  for (int i = 0; i < 10; ++i, phone.now += 1s) phone.picture->check(phone.now);
  EXPECT_TRUE(phone.picture->at_best());
  EXPECT_EQ(phone.sent(), kBest);
}

TEST(AdaptivePicture, a_view_that_was_taken_away_meanwhile_does_not_come_back_with_the_best_picture) {
  Receiver phone;
  phone.begin(7);
  phone.keyframe();
  EXPECT_EQ(phone.sent().hidden_member, 7u);
  phone.run(kNarrow, 5s);
  phone.begin(0);  // while the change goes on, and no keyframe has come
  EXPECT_EQ(phone.mixer.outputs.size(), 2u);
  phone.keyframe();
  phone.run(kWide, 120s);
  phone.keyframe();
  phone.run(kWide, 120s);
  phone.keyframe();
  EXPECT_TRUE(phone.picture->at_best());
  EXPECT_EQ(phone.sent(), kBest);
}

TEST(AdaptivePicture, a_view_changes_at_a_keyframe_and_one_change_goes_on_at_a_time) {
  Receiver phone;
  phone.begin(0);
  phone.keyframe();
  phone.begin(7);
  phone.begin(0);
  EXPECT_EQ(phone.mixer.outputs.size(), 2u);
  EXPECT_EQ(phone.sent().hidden_member, 7u);
  phone.keyframe();
  phone.begin(0);
  phone.keyframe();
  EXPECT_EQ(phone.mixer.outputs.size(), 1u);
  EXPECT_EQ(phone.sent().hidden_member, 0u);
}

}  // namespace
}  // namespace partyline::gateway
