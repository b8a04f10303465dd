// Pictures that are passed on as they came, in virtual time.
#include "mixer/video/video_pass.hpp"

#include <gtest/gtest.h>

#include "tests/mixer/video/video_test_support.hpp"

namespace partyline::mixer {
namespace {

using namespace test;
using State = VideoPass::State;

constexpr VideoRendition kWanted{core::Codec::h264, {1280, 720}, 30, core::Bitrate::kbps(2000), 0};

core::EncodedFrame sps_frame(uint8_t profile, uint8_t constraints, uint8_t level, size_t bytes = 100) {
  std::vector<uint8_t> data{0, 0, 0, 1, 0x67, profile, constraints, level, 0xAA, 0, 0, 0, 1, 0x68, 0xCE, 0, 0, 1, 0x65};
  data.resize(std::max(bytes, data.size()), 0x55);
  core::EncodedFrame frame;
  frame.codec = core::Codec::h264;
  frame.buffer = core::Buffer::copy_of(data);
  frame.data = std::as_const(frame.buffer).span();
  frame.keyframe = true;
  return frame;
}

core::EncodedFrame delta_frame(size_t bytes = 50) {
  core::EncodedFrame frame = sps_frame(66, 0xC0, 30, bytes);
  frame.keyframe = false;
  return frame;
}

/// One output: its mix at 30 pictures a second, and a source whose clock is another one.
struct Line {
  explicit Line(const VideoRendition& rendition = kWanted, const PassLimits& limits = {}) : pass(rendition, limits) {}
  VideoPass pass;
  core::TimePoint now = at(0ms);
  std::vector<int64_t> sent;
  bool mixed(bool keyframe = false) {
    core::EncodedFrame frame = delta_frame();
    frame.keyframe = keyframe;
    frame.capture = now;
    frame.rtp_time = (now - at(0ms)) / 1ms * 90;
    const bool taken = pass.take_mixed(frame);
    if (taken) sent.push_back(frame.rtp_time);
    return taken;
  }
  bool source(core::EncodedFrame frame) {
    frame.capture = now - 40ms;  // it took a while to come
    frame.rtp_time = 7'777'777 + (frame.capture - at(0ms)) / 1ms * 90;
    const bool taken = pass.take_passed(frame, now);
    if (taken) sent.push_back(frame.rtp_time);
    return taken;
  }
  void step() { now += 40ms; }
  void begin_passing() {
    mixed(true);
    step();
    pass.aim(now);
    ASSERT_TRUE(source(sps_frame(66, 0xC0, 30)));
    ASSERT_EQ(pass.state(), State::passing);
    step();
  }
};

TEST(VideoPass, the_mix_goes_on_until_the_source_comes_with_a_keyframe) {
  Line line;
  EXPECT_TRUE(line.mixed(true));
  EXPECT_FALSE(line.source(delta_frame())) << "nobody aims at it";
  line.pass.aim(line.now);
  EXPECT_TRUE(line.pass.poll(line.now)) << "it is asked for a keyframe at once";
  for (int i = 0; i < 5; ++i, line.step()) {
    EXPECT_TRUE(line.mixed());
    EXPECT_FALSE(line.source(delta_frame()));
  }
  EXPECT_TRUE(line.source(sps_frame(66, 0xC0, 30)));
  line.step();
  EXPECT_FALSE(line.mixed(true));
  EXPECT_TRUE(line.source(delta_frame()));
  EXPECT_FALSE(line.pass.poll(line.now + 10s)) << "nothing more is asked for";
}

TEST(VideoPass, the_source_goes_on_until_the_mix_comes_with_a_keyframe) {
  Line line;
  line.begin_passing();
  line.pass.release(false);
  for (int i = 0; i < 5; ++i, line.step()) {
    EXPECT_TRUE(line.source(delta_frame()));
    EXPECT_FALSE(line.mixed());
  }
  EXPECT_TRUE(line.mixed(true));
  EXPECT_EQ(line.pass.state(), State::mixed);
  EXPECT_FALSE(line.source(sps_frame(66, 0xC0, 30)));
  EXPECT_TRUE(line.mixed());
}

TEST(VideoPass, the_receivers_time_goes_on_through_every_change) {
  Line line;
  for (int round = 0; round < 3; ++round) {
    line.begin_passing();
    for (int i = 0; i < 20; ++i, line.step()) line.source(delta_frame());
    line.pass.release(false);
    for (int i = 0; i < 20; ++i, line.step()) line.mixed(i == 0);
  }
  for (size_t i = 1; i < line.sent.size(); ++i) {
    EXPECT_GE(line.sent[i] - line.sent[i - 1], 900) << i;
    EXPECT_LE(line.sent[i] - line.sent[i - 1], 2 * 3600 + 900) << i;
  }
}

TEST(VideoPass, who_is_muted_is_not_shown_for_another_moment) {
  Line line;
  line.begin_passing();
  line.pass.release(true);
  EXPECT_FALSE(line.source(sps_frame(66, 0xC0, 30)));
  line.pass.aim(line.now);
  EXPECT_FALSE(line.source(delta_frame())) << "the mix must come first";
  EXPECT_FALSE(line.mixed(false));
  EXPECT_TRUE(line.mixed(true));
}

TEST(VideoPass, whoever_changes_his_mind_while_leaving_goes_on) {
  Line line;
  line.begin_passing();
  line.pass.release(false);
  line.pass.aim(line.now);
  EXPECT_TRUE(line.source(delta_frame()));
  EXPECT_FALSE(line.mixed(true));
}

TEST(VideoPass, after_a_loss_nothing_is_passed_until_a_keyframe_which_is_asked_for) {
  Line line;
  line.begin_passing();
  core::EncodedFrame broken = delta_frame();
  broken.after_loss = true;
  line.step();
  EXPECT_FALSE(line.source(broken));
  EXPECT_FALSE(line.source(delta_frame()));
  EXPECT_TRUE(line.pass.poll(line.now + 300ms));
  EXPECT_FALSE(line.pass.poll(line.now + 300ms));
  EXPECT_TRUE(line.source(sps_frame(66, 0xC0, 30)));
  EXPECT_TRUE(line.source(delta_frame()));
}

TEST(VideoPass, a_receivers_wish_for_a_keyframe_goes_to_the_source) {
  Line line;
  line.begin_passing();
  line.pass.request_keyframe(line.now + 1s);
  line.pass.request_keyframe(line.now + 1s);
  EXPECT_TRUE(line.pass.poll(line.now + 1s));
  EXPECT_FALSE(line.pass.poll(line.now + 1s)) << "two wishes, one question";
}

TEST(VideoPass, what_the_receiver_cannot_decode_is_not_passed) {
  struct Case {
    uint8_t profile, constraints, level, their_profile, their_level;
    bool fits;
  };
  for (const Case& c :
       {Case{66, 0xC0, 31, 66, 31, true}, Case{66, 0xE0, 30, 66, 31, true}, Case{66, 0xC0, 31, 77, 31, true},
        Case{66, 0xC0, 31, 100, 40, true}, Case{66, 0x80, 31, 77, 31, false}, Case{66, 0x80, 31, 66, 31, true},
        Case{77, 0x40, 31, 66, 31, false}, Case{77, 0x40, 31, 100, 31, true}, Case{100, 0, 31, 77, 31, false},
        Case{66, 0xC0, 32, 66, 31, false}, Case{66, 0xC0, 40, 66, 31, false}}) {
    const PassLimits limits{c.their_profile, c.their_level};
    EXPECT_EQ(can_take(sps_frame(c.profile, c.constraints, c.level), kWanted, limits), c.fits)
        << int{c.profile} << " " << int{c.constraints} << " " << int{c.level};
    Line line(kWanted, limits);
    line.mixed(true);
    line.pass.aim(line.now);
    EXPECT_EQ(line.source(sps_frame(c.profile, c.constraints, c.level)), c.fits);
    EXPECT_EQ(line.pass.barred_until().has_value(), !c.fits);
    EXPECT_EQ(line.mixed(), !c.fits) << "the mix goes on";
  }
  EXPECT_FALSE(can_take(delta_frame(), kWanted, {})) << "no keyframe";
  VideoRendition vp8 = kWanted;
  vp8.codec = core::Codec::vp8;
  EXPECT_FALSE(can_take(sps_frame(66, 0xC0, 30), vp8, {})) << "another codec";
}

TEST(VideoPass, real_encoders_say_what_they_are) {
  const auto of = [](core::Codec codec, core::VideoSize size) {
    Camera camera(size, codec);
    return camera.take(solid(size, kRed).view(), true, at(0ms));
  };
  VideoRendition vp8 = kWanted;
  vp8.codec = core::Codec::vp8;
  EXPECT_TRUE(can_take(of(core::Codec::h264, {1280, 720}), kWanted, {66, 31}));
  EXPECT_FALSE(can_take(of(core::Codec::h264, {1920, 1080}), kWanted, {66, 31}));
  EXPECT_TRUE(can_take(of(core::Codec::vp8, {640, 360}), vp8, {}));
  EXPECT_FALSE(can_take(of(core::Codec::vp8, {1920, 1080}), vp8, {}));
}

TEST(VideoPass, a_source_that_grows_beyond_the_receiver_gives_way_to_the_mix) {
  Line line;
  line.begin_passing();
  EXPECT_FALSE(line.source(sps_frame(66, 0xC0, 40)));
  EXPECT_TRUE(line.pass.barred_until().has_value());
  EXPECT_FALSE(line.source(sps_frame(66, 0xC0, 30)));
  EXPECT_TRUE(line.mixed(true));
}

TEST(VideoPass, a_source_of_more_bits_than_the_receiver_may_get_gives_way_to_the_mix) {
  for (const auto& [bytes, too_much] : {std::pair{10'000, false}, {20'000, true}}) {  // 2 and 4 Mbit/s
    Line line;
    line.begin_passing();
    for (int i = 0; i < 75; ++i, line.step()) line.source(delta_frame(static_cast<size_t>(bytes)));
    EXPECT_EQ(line.pass.barred_until().has_value(), too_much) << bytes;
    EXPECT_EQ(line.pass.state(), too_much ? State::leaving : State::passing);
  }
}

TEST(VideoPass, a_receiver_without_fragments_gets_no_unit_that_is_too_long) {
  EXPECT_TRUE(fits_packets(delta_frame(5000), 0));
  EXPECT_TRUE(fits_packets(delta_frame(1000), 1180));
  EXPECT_FALSE(fits_packets(delta_frame(1300), 1180));
}

}  // namespace
}  // namespace partyline::mixer
