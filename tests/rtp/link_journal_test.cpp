// LinkJournal: episodes of loss, whose word they are, and what counters that begin anew do to them.
#include "rtp/link_journal.hpp"

#include <gtest/gtest.h>

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;

struct Call {
  /// A second of 100 packets (or so many) each way.
  void second(uint64_t lost_in = 0, uint64_t packets = 100) {
    now += 1s;
    for (TrackStats* track : {&stats.audio, &stats.video}) {
      track->present = true;
      track->packets_received += packets - lost_in;
      track->packets_lost += lost_in;
      track->packets_sent += packets;
      track->bytes_received += 1000;
    }
    if (still_reports) stats.audio.reported_at = stats.video.reported_at = now;
    journal.add(stats, now);
  }
  void seconds(int count, uint64_t lost_in = 0) {
    for (int i = 0; i < count; ++i) second(lost_in);
  }
  /// The call began at noon.
  std::vector<std::string> losses() const {
    return journal.losses(now, std::chrono::system_clock::time_point(12h) +
                                   std::chrono::duration_cast<std::chrono::seconds>(now - start));
  }

  const core::TimePoint start = core::TimePoint{} + 1h;
  core::TimePoint now = start;
  LinkJournal journal{"player", "SFU", start};
  SessionStats stats;
  bool still_reports = true;
};

TEST(LinkJournal, tells_of_pictures_and_of_sound_apart) {
  Call call;
  call.seconds(10);
  call.stats.video.peer_fraction_lost = 0.2;
  call.seconds(10);
  call.stats.video.peer_fraction_lost = 0;
  call.seconds(10);
  EXPECT_EQ(call.losses(), std::vector<std::string>{"SFU → player video lost 20 % between 12:00:10 and 12:00:20"});
}

TEST(LinkJournal, the_last_word_of_a_peer_that_is_silent_does_not_hold_for_ever) {
  Call call;
  call.seconds(10);
  call.stats.audio.peer_fraction_lost = 0.3;
  call.second();
  call.still_reports = false;
  call.seconds(300);
  EXPECT_EQ(call.losses(), std::vector<std::string>{"SFU → player audio lost 30 % between 12:00:10 and 12:00:21"});
}

TEST(LinkJournal, who_never_reported_has_lost_nothing) {
  Call call;
  call.still_reports = false;
  call.stats.audio.peer_fraction_lost = 0.3;
  call.seconds(20);
  EXPECT_TRUE(call.losses().empty());
}

TEST(LinkJournal, no_second_counts_twice_when_losses_go_on_after_a_break) {
  Call call;
  call.seconds(10);
  call.second(20);      // 4 % of five seconds
  call.second(0, 400);  // a burst: 2.5 %
  call.second(10);      // 3.3 % again
  call.seconds(20);
  const auto words = call.losses();
  ASSERT_EQ(words.size(), 2u);
  EXPECT_EQ(words[0], "player → SFU audio lost 5 % between 12:00:10 and 12:00:13") << "30 of 600";
}

TEST(LinkJournal, the_time_between_losses_that_are_told_together_counts) {
  Call call;
  call.seconds(10);
  call.seconds(2, 10);
  call.seconds(4);
  call.second(10);
  call.second(50);
  call.seconds(20);
  const auto words = call.losses();
  ASSERT_EQ(words.size(), 2u);
  EXPECT_EQ(words[0], "player → SFU audio lost 10 % between 12:00:10 and 12:00:18") << "80 of 800";
}

TEST(LinkJournal, counters_that_begin_anew_are_no_loss) {
  Call call;
  call.seconds(10, 2);
  call.stats.audio.packets_lost = call.stats.audio.packets_received = call.stats.audio.packets_sent = 0;
  call.stats.audio.bytes_received = 0;
  call.seconds(10);
  EXPECT_TRUE(call.losses().empty());
  EXPECT_EQ(call.journal.rates().audio_in.bits_per_second, 8000);
}

}  // namespace
}  // namespace partyline::rtp
