#include "gateway/outputs/output_timeline.hpp"

#include <gtest/gtest.h>

namespace partyline::gateway {
namespace {

using core::Codec;
using core::EncodedFrame;
using namespace std::chrono_literals;

const core::TimePoint zero{core::TimePoint{} + 500s};

EncodedFrame frame(Codec codec, core::Duration capture, int64_t rtp_time = 0) {
  EncodedFrame result;
  result.codec = codec;
  result.capture = zero + capture;
  result.rtp_time = rtp_time;
  return result;
}

TEST(OutputTimeline, keeps_the_distance_between_sound_and_picture) {
  OutputTimeline timeline(zero);
  EXPECT_EQ(timeline.stamp(frame(Codec::h264, 0ms)), 0);
  EXPECT_EQ(timeline.stamp(frame(Codec::aac, 15ms, 1'000'000)), 15'000);
  EXPECT_EQ(timeline.stamp(frame(Codec::h264, 40ms)), 40'000);
}

TEST(OutputTimeline, sound_counts_samples_and_not_ticks) {
  OutputTimeline timeline(zero);
  const int64_t start = (int64_t{1} << 32) - 1024;  // unwrapped RTP time goes on over the wrap
  EXPECT_EQ(timeline.stamp(frame(Codec::aac, 20ms, start)), 20'000);
  EXPECT_EQ(timeline.stamp(frame(Codec::aac, 40ms, start + 1024)), 41'333);
  EXPECT_EQ(timeline.stamp(frame(Codec::aac, 60ms, start + 2048)), 62'666);
  EXPECT_EQ(timeline.stamp(frame(Codec::aac, 80ms, start + 3072)), 84'000);
}

TEST(OutputTimeline, a_gap_in_sound_stays_a_gap) {
  OutputTimeline timeline(zero);
  timeline.stamp(frame(Codec::aac, 0ms, 0));
  EXPECT_EQ(timeline.stamp(frame(Codec::aac, 1000ms, 48'000)), 1'000'000);
}

TEST(OutputTimeline, an_encoder_that_begins_anew_is_followed_without_going_back) {
  OutputTimeline timeline(zero);
  timeline.stamp(frame(Codec::aac, 0ms, 96'000));
  EXPECT_EQ(timeline.stamp(frame(Codec::aac, 500ms, 0)), 500'000);
  EXPECT_EQ(timeline.stamp(frame(Codec::aac, 520ms, 1024)), 521'333);
  EXPECT_EQ(timeline.stamp(frame(Codec::aac, 100ms, 96'000)), 522'333);
}

TEST(OutputTimeline, a_clock_that_is_not_ours_is_followed) {
  OutputTimeline timeline(zero, 5ms);
  timeline.stamp(frame(Codec::g722, 0ms, 0));
  EXPECT_EQ(timeline.stamp(frame(Codec::g722, 24ms, 160)), 20'000);  // its clock is one of 8 kHz (RFC 3551 §4.5.2)
  EXPECT_EQ(timeline.stamp(frame(Codec::g722, 46ms, 320)), 46'000);
  EXPECT_EQ(timeline.stamp(frame(Codec::g722, 66ms, 480)), 66'000);
}

TEST(OutputTimeline, frames_from_before_the_beginning_are_left_out) {
  OutputTimeline timeline(zero);
  EXPECT_EQ(timeline.stamp(frame(Codec::aac, -1ms)), std::nullopt);
  EXPECT_EQ(timeline.stamp(frame(Codec::h264, -33ms)), std::nullopt);
}

TEST(OutputTimeline, stamps_rise_by_a_millisecond_at_least) {
  OutputTimeline timeline(zero);
  EXPECT_EQ(timeline.stamp(frame(Codec::h264, 100ms)), 100'000);
  EXPECT_EQ(timeline.stamp(frame(Codec::h264, 100ms)), 101'000);
  EXPECT_EQ(timeline.stamp(frame(Codec::h264, 90ms)), 102'000);
  EXPECT_EQ(timeline.stamp(frame(Codec::h264, 133ms)), 133'000);
}

}  // namespace
}  // namespace partyline::gateway
