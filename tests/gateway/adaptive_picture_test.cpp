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

/// The encoder overshoots, and repetitions need room, too.
void expect_just_below(core::Bitrate target, core::Bitrate available) {
  EXPECT_LE(target, available);
  EXPECT_GE(target.bits_per_second, available.bits_per_second * 9 / 10);
}

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
  const mixer::VideoRendition& sent() const { return newest().rendition; }
  const OutputBook::Output& newest() const { return mixer.outputs.rbegin()->second; }
  const OutputBook::Output& oldest() const { return mixer.outputs.begin()->second; }
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

TEST(AdaptivePicture, a_little_less_is_taken_off_the_encoder_and_repeated_while_it_lasts) {
  Receiver phone;
  phone.begin();
  phone.keyframe();
  phone.run(kWide, 2s);
  EXPECT_EQ(phone.newest().targets, 0) << "all there is need not be told";
  phone.run(core::Bitrate::kbps(1500), 2s);
  EXPECT_TRUE(phone.picture->at_best());
  expect_just_below(phone.newest().target, core::Bitrate::kbps(1500));
  EXPECT_EQ(phone.newest().targets, 4);
  EXPECT_EQ(phone.picture->target(), phone.newest().target);
  phone.run(kWide, 1s);
  EXPECT_EQ(phone.newest().target, kBest.bitrate);
  EXPECT_EQ(phone.newest().targets, 5);
}

TEST(AdaptivePicture, where_no_smaller_one_can_be_had_the_encoder_is_made_as_small_as_it_can_be) {
  Receiver phone;
  phone.begin();
  phone.keyframe();
  phone.mixer.full = true;
  phone.run(kNarrow, 5s);
  EXPECT_TRUE(phone.picture->at_best());
  EXPECT_LT(phone.newest().target, core::Bitrate::kbps(1000));
}

TEST(AdaptivePicture, what_was_agreed_limits_it_whatever_the_way_carries) {
  Receiver phone;
  phone.begin();
  phone.keyframe();
  phone.picture->set_limit(core::Bitrate::kbps(1200), phone.now);
  phone.run(kWide, 2s);
  expect_just_below(phone.newest().target, core::Bitrate::kbps(1200));
  phone.picture->set_limit({}, phone.now);
  phone.run(kWide, 1s);
  EXPECT_EQ(phone.newest().target, kBest.bitrate);
}

TEST(AdaptivePicture, the_old_picture_becomes_smaller_while_the_new_ones_keyframe_does_not_come) {
  Receiver phone;
  phone.begin();
  phone.keyframe();
  phone.run(kNarrow, 5s);
  ASSERT_EQ(phone.mixer.outputs.size(), 2u);
  EXPECT_EQ(phone.oldest().target, kNarrow);
  phone.run(core::Bitrate::kbps(100), 1s);
  EXPECT_EQ(phone.oldest().target, core::Bitrate::kbps(100));
}

TEST(AdaptivePicture, only_the_best_step_may_be_a_members_own_stream) {
  Receiver phone;
  phone.picture->allow_pass_through(nullptr, {});
  phone.begin();
  EXPECT_TRUE(phone.newest().may_pass);
  phone.keyframe();
  phone.run(kNarrow, 5s);
  ASSERT_FALSE(phone.picture->at_best());
  EXPECT_FALSE(phone.newest().may_pass);
  phone.picture->allow_pass_through(nullptr, {});
  EXPECT_FALSE(phone.newest().may_pass);
}

TEST(AdaptivePicture, a_keyframe_is_asked_of_what_comes_next) {
  Receiver phone;
  phone.picture->request_keyframe();
  phone.begin();
  phone.keyframe();
  phone.run(kNarrow, 5s);
  phone.picture->request_keyframe();
  EXPECT_EQ(phone.newest().keyframes, 1);
  EXPECT_EQ(phone.oldest().keyframes, 0);
}

TEST(AdaptivePicture, without_a_first_output_there_is_nothing_and_it_may_begin_again) {
  Receiver phone;
  phone.mixer.full = true;
  EXPECT_FALSE(phone.picture->start(Receiver::steps()));
  EXPECT_FALSE(phone.picture->rendition());
  EXPECT_FALSE(phone.picture->at_best());
  phone.run(kNarrow, 5s);
  EXPECT_TRUE(phone.mixer.outputs.empty());
  phone.mixer.full = false;
  phone.begin();
  EXPECT_TRUE(phone.picture->at_best());
}

}  // namespace
}  // namespace partyline::gateway
