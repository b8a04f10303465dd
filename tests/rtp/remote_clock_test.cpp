#include "rtp/remote_clock.hpp"

#include <gtest/gtest.h>

#include <functional>
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

/// A sender whose audio takes 10 ms and whose video 40 ms, with a report of each a second; the reports' NTP time is off
/// by what the two functions say. The greatest distance of two captures of one moment after five seconds, in ms.
double lips_apart(const std::function<core::Duration(int)>& audio_off,
                  const std::function<core::Duration(int)>& video_off) {
  RemoteClock clock;
  const auto audio = clock.add_stream(48000), video = clock.add_stream(90000);
  double worst = 0;
  TimePoint audio_before, video_before;
  for (int i = 0; i < 3000; ++i) {
    const core::Duration sent = 20ms * i;
    clock.on_packet(audio, i * 960, kStart + sent + 10ms);
    clock.on_packet(video, 5000 + i * 1800, kStart + sent + 40ms);
    if (i % 50 == 10) clock.on_sender_report(audio, ntp(1h + sent + audio_off(i)), i * 960, kStart + sent + 10ms);
    if (i % 50 == 35)
      clock.on_sender_report(video, ntp(1h + sent + video_off(i)), 5000 + i * 1800, kStart + sent + 40ms);
    const TimePoint spoken = clock.capture(audio, i * 960, kStart + sent + 40ms);
    const TimePoint seen = clock.capture(video, 5000 + i * 1800, kStart + sent + 40ms);
    if (i >= 250) {
      worst = std::max(worst, std::abs(ms_between(seen, spoken)));
      EXPECT_NEAR(ms_between(spoken, audio_before), 20, 2);
      EXPECT_NEAR(ms_between(seen, video_before), 20, 2);
    }
    audio_before = spoken;
    video_before = seen;
  }
  return worst;
}

TEST(RemoteClock, reports_that_are_wrong_for_one_stream_leave_it_by_arrival) {
  const auto right = [](int) { return 0s; };
  for (const core::Duration off : {core::Duration(2s), core::Duration(-2s), core::Duration(1h), core::Duration(-1h)}) {
    EXPECT_LT(lips_apart(right, [off](int) { return off; }), 40) << core::to_ms(off);
    EXPECT_LT(lips_apart([off](int) { return off; }, right), 40) << core::to_ms(off);
  }
}

TEST(RemoteClock, a_senders_clock_that_is_set_during_the_call_moves_neither_lips_nor_voice_visibly) {
  for (const core::Duration step : {core::Duration(400ms), core::Duration(-400ms), core::Duration(3h)}) {
    const auto set = [step](int i) { return i < 1000 ? core::Duration::zero() : step; };
    EXPECT_LT(lips_apart(set, set), 40) << core::to_ms(step);
  }
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
