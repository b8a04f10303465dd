// Lost audio that is asked for again (RFC 4585 §6.2.1), packet by packet.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "rtp/jitter/audio_losses.hpp"
#include "tests/rtp/session_world.hpp"

namespace partyline::rtp::test {
namespace {

using Numbers = std::vector<int>;

class AudioNack : public testing::Test {
 protected:
  Numbers take(core::Duration round_trip = 30ms) {
    rtcp::BoundedList<Seq16, rtcp::kMaxNacks> out;
    losses.take(now, round_trip + 10ms, round_trip, out);
    Numbers numbers;
    for (const Seq16 each : out) numbers.push_back(each.value);
    std::ranges::sort(numbers);
    return numbers;
  }
  bool packet(int64_t sequence, core::Duration patience = 0ms) {
    now += 20ms * (sequence - last_);
    last_ = sequence;
    return losses.on_packet(sequence, patience, now);
  }
  TimePoint now{1000s};
  AudioLosses losses;

 private:
  int64_t last_ = 7;
};

TEST_F(AudioNack, asks_at_once_again_after_the_retry_interval_and_no_more_when_it_is_here) {
  packet(7);
  packet(10);
  EXPECT_EQ(take(5ms), (Numbers{8, 9}));
  EXPECT_EQ(take(5ms), Numbers{});
  EXPECT_TRUE(losses.on_packet(8, 0ms, now));
  now += 20ms;
  EXPECT_EQ(take(5ms), Numbers{9});
  EXPECT_TRUE(losses.on_packet(9, 0ms, now));
  EXPECT_EQ(losses.next(), std::nullopt);
}

TEST_F(AudioNack, lets_what_is_merely_late_come_first) {
  packet(7);
  packet(9, 15ms);
  EXPECT_EQ(take(), Numbers{});
  now += 10ms;
  EXPECT_FALSE(losses.on_packet(8, 15ms, now));
  now += 10ms;
  EXPECT_EQ(take(), Numbers{});
}

TEST_F(AudioNack, asks_for_nothing_that_would_come_too_late) {
  packet(7);
  packet(9);
  EXPECT_EQ(take(80ms), Numbers{});
  EXPECT_EQ(losses.next(), std::nullopt);
  packet(11);
  EXPECT_EQ(take(50ms), Numbers{10});
  now += 75ms;
  EXPECT_EQ(take(50ms), Numbers{});
  EXPECT_TRUE(losses.on_packet(10, 0ms, now));  // the answer to the first request
}

TEST_F(AudioNack, leaves_long_holes_to_concealment_and_starts_anew_with_the_sender) {
  packet(7);
  packet(30);
  EXPECT_EQ(take(), Numbers{});
  packet(32);
  losses.clear();
  packet(9000);
  EXPECT_EQ(take(), Numbers{});
}

TEST(SessionAudioNack, repairs_what_is_lost_without_rtx_and_says_so) {
  World world({.delay = 15ms, .loss = 0.1});
  TrackConfig track = audio_track();
  track.send_format->nack = track.receive_formats[0].nack = true;
  track.feedback_profile = track.reduced_size_rtcp = true;
  world.a.make({track});
  world.b.make({track});
  Talker talker(world, world.a);
  talker.with_video = false;
  world.run(20s, [&] { talker(); });
  const auto stats = world.b.session->stats().audio;
  EXPECT_GT(stats.packets_recovered, 70u);
  EXPECT_LT(stats.packets_lost, 35u);
  EXPECT_EQ(stats.packets_missing, stats.packets_lost) << "what came again under its own number is not lost";
  EXPECT_NEAR(static_cast<double>(world.a.session->stats().audio.packets_resent), 100, 30);
  std::set<int64_t> numbers;
  for (const auto& frame : world.b.audio) EXPECT_TRUE(numbers.insert(frame.sequence).second);
  // Late packets are none that came again: they say nothing of jitter.
  EXPECT_LT(stats.jitter_ms, 1);
}

TEST(SessionAudioNack, is_silent_where_it_was_not_agreed) {
  World world({.delay = 15ms, .loss = 0.1});
  world.a.make({audio_track()});
  world.b.make({audio_track()});
  Talker talker(world, world.a);
  talker.with_video = false;
  world.run(5s, [&] { talker(); });
  EXPECT_EQ(world.b.session->stats().audio.nacks_sent, 0u);
}

}  // namespace
}  // namespace partyline::rtp::test
