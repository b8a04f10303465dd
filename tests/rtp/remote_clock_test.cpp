#include "rtp/remote_clock.hpp"

#include <gtest/gtest.h>

#include <random>

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;
using core::TimePoint;

constexpr TimePoint kStart{1000h};

rtcp::NtpTime ntp(core::Duration since_start) {
  return rtcp::to_ntp(3'900'000'000s + since_start);
}

double ms_between(TimePoint a, TimePoint b) {
  return std::chrono::duration<double, std::milli>(a - b).count();
}

TEST(RemoteClock, without_reports_capture_is_the_arrival_of_the_fastest_packet) {
  RemoteClock clock;
  const auto id = clock.add_stream(8000);
  std::mt19937 random(1);
  TimePoint capture;
  for (int i = 0; i < 500; ++i) {
    const TimePoint arrival = kStart + 20ms * i + std::chrono::milliseconds(i % 7 == 3 ? 0 : random() % 30);
    clock.on_packet(id, 0xFFFFF000 + i * 160, arrival);
    capture = clock.capture(id, 0xFFFFF000 + i * 160, arrival);
  }
  EXPECT_NEAR(ms_between(capture, kStart + 20ms * 499), 0, 2);
}

TEST(RemoteClock, captures_never_jump_while_the_mapping_moves) {
  RemoteClock clock;
  const auto id = clock.add_stream(90000);
  TimePoint before;
  for (int i = 0; i < 400; ++i) {
    // The first second comes 200 ms late (a slow start), and a report says 80 ms more.
    const TimePoint sent = kStart + 40ms * i;
    const TimePoint arrival = sent + (i < 25 ? 200ms : 10ms);
    clock.on_packet(id, i * 3600, arrival);
    if (i == 100) {
      EXPECT_TRUE(clock.on_sender_report(id, ntp(40ms * i + 80ms), i * 3600, arrival));
    }
    const TimePoint capture = clock.capture(id, i * 3600, arrival);
    if (i > 0) {
      EXPECT_GT(ms_between(capture, before), 15);
      EXPECT_LT(ms_between(capture, before), 65);
    }
    before = capture;
  }
  EXPECT_NEAR(ms_between(before, kStart + 40ms * 399), 10, 3);
}

TEST(RemoteClock, audio_and_video_with_reports_agree_although_video_takes_longer) {
  RemoteClock clock;
  const auto audio = clock.add_stream(48000), video = clock.add_stream(90000);
  TimePoint audio_capture, video_capture;
  for (int i = 0; i < 1500; ++i) {
    const core::Duration sent = 20ms * i;
    clock.on_packet(audio, i * 960, kStart + sent + 10ms);
    clock.on_packet(video, 5000 + i * 1800, kStart + sent + 130ms);  // 120 ms of encoding and pacing
    if (i % 50 == 25) {
      clock.on_sender_report(audio, ntp(sent), i * 960, kStart + sent + 10ms);
      clock.on_sender_report(video, ntp(sent), 5000 + i * 1800, kStart + sent + 130ms);
    }
    audio_capture = clock.capture(audio, i * 960, kStart + sent + 130ms);
    video_capture = clock.capture(video, 5000 + i * 1800, kStart + sent + 130ms);
  }
  EXPECT_TRUE(clock.synchronised(audio));
  EXPECT_NEAR(ms_between(video_capture, audio_capture), 0, 1);
}

TEST(RemoteClock, an_absurd_report_is_refused_until_three_agree) {
  RemoteClock clock;
  const auto id = clock.add_stream(8000);
  int accepted = 0;
  for (int i = 0; i < 200; ++i) {
    const TimePoint arrival = kStart + 20ms * i;
    clock.on_packet(id, i * 160, arrival);
    if (i == 10) {
      EXPECT_TRUE(clock.on_sender_report(id, ntp(20ms * i), i * 160, arrival));
    }
    if (i >= 100 && i % 25 == 0) accepted += clock.on_sender_report(id, ntp(20ms * i + 1h), i * 160, arrival);
    EXPECT_NEAR(ms_between(clock.capture(id, i * 160, arrival), arrival), 0, 1);
  }
  EXPECT_EQ(accepted, 2);  // of four: the third and the fourth
}

TEST(RemoteClock, a_report_whose_rtp_time_is_nowhere_near_or_whose_ntp_is_zero_is_refused) {
  RemoteClock clock;
  const auto id = clock.add_stream(8000);
  EXPECT_FALSE(clock.on_sender_report(id, ntp(0s), 0, kStart));  // no packet yet
  clock.on_packet(id, 0, kStart);
  EXPECT_FALSE(clock.on_sender_report(id, ntp(0s), 8000 * 60, kStart));
  EXPECT_FALSE(clock.on_sender_report(id, {0}, 0, kStart));
  EXPECT_TRUE(clock.on_sender_report(id, ntp(0s), 0, kStart));
}

TEST(RemoteClock, a_jump_of_the_senders_timestamps_starts_the_mapping_anew_after_three_packets) {
  RemoteClock clock;
  const auto id = clock.add_stream(8000);
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(clock.on_packet(id, i * 160, kStart + 20ms * i));
  int jumps = 0;
  for (int i = 50; i < 60; ++i) jumps += !clock.on_packet(id, 10'000'000 + i * 160, kStart + 20ms * i);
  EXPECT_EQ(jumps, 1);
  EXPECT_EQ(clock.capture(id, 10'000'000 + 59 * 160, kStart), kStart + 20ms * 59);
}

}  // namespace
}  // namespace partyline::rtp
