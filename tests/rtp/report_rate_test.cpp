// ReportRate over a simulated path, with reports every second and every five.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/rtp/report_path.hpp"

namespace partyline::rtp {
namespace {

using core::Duration;
using core::TimePoint;
using test::ReportPath;
using namespace std::chrono_literals;

class ReportsOnly : public testing::TestWithParam<int> {
 protected:
  ReportPath path{std::chrono::seconds(GetParam())};
};

TEST_P(ReportsOnly, nothing_is_known_before_the_first_report_and_a_clean_path_is_no_limit) {
  EXPECT_FALSE(path.rate.known());
  path.run(20s);
  EXPECT_TRUE(path.rate.known());
  EXPECT_GE(path.rate.rate(), 2e6);
}

TEST_P(ReportsOnly, a_narrow_path_is_found_within_two_reports_and_used_without_much_loss) {
  path.capacity = 500e3;
  path.run(3s + std::chrono::seconds(2 * GetParam() + 1));
  EXPECT_LT(path.rate.rate(), 550e3);
  path.run(10s);
  EXPECT_LT(path.take_loss(60s), 0.02);
  EXPECT_GT(path.take_rate(60s), 0.65 * 500e3);
}

TEST_P(ReportsOnly, it_goes_up_again_when_the_path_does) {
  path.capacity = 500e3;
  path.run(30s);
  path.capacity = 4e6;
  path.run(60s);
  EXPECT_GT(path.rate.rate(), 1.9e6);
}

TEST_P(ReportsOnly, loss_that_sending_less_does_not_mend_is_the_paths_own) {
  path.inherent = 0.15;
  path.run(120s);
  EXPECT_GT(path.take_rate(30s), 1e6);
}

TEST_P(ReportsOnly, a_picture_that_stands_still_does_not_keep_an_old_limit) {
  path.capacity = 500e3;
  path.run(30s);
  path.wanted = 50e3;
  path.capacity = 4e6;
  path.run(60s);
  EXPECT_GT(path.rate.rate(), 1.9e6);
}

TEST_P(ReportsOnly, who_sends_little_without_trouble_has_no_limit) {
  path.wanted = 100e3;
  path.run(60s);
  EXPECT_GE(path.rate.rate(), 2.5e6);
  path.capacity = 300e3;
  path.run(30s);
  EXPECT_GE(path.rate.rate(), 2.5e6) << "nothing was lost: no reason to fear";
}

TEST_P(ReportsOnly, who_sends_little_over_a_path_that_loses_by_itself_is_not_taken_down_to_that) {
  path.wanted = 100e3;
  path.inherent = 0.15;
  path.run(60s);
  EXPECT_GT(path.rate.rate(), 1e6);
}

TEST_P(ReportsOnly, a_far_peer_has_no_queue) {
  for (const Duration way : {100ms, 150ms, 300ms}) {
    for (const bool tells : {true, false}) {
      ReportPath far{std::chrono::seconds(GetParam())};
      far.way = way;
      far.sends_reports = tells;
      far.run(70s);
      EXPECT_GE(far.rate.rate(), 2e6) << way / 1ms << tells;
      EXPECT_LT(far.rate.queue_ms(), 100) << way / 1ms << tells;
      far.capacity = 500e3;
      far.run(30s);
      EXPECT_LT(far.take_loss(30s), 0.03) << way / 1ms << tells;
    }
  }
}

TEST_P(ReportsOnly, a_route_that_becomes_longer_is_no_queue) {
  path.run(30s);
  for (const Duration way : {160ms, 320ms, 20ms}) {
    path.way = way;
    double least = path.rate.rate();
    for (int i = 0; i < 40; ++i) {
      path.run(1s);
      least = std::min(least, path.rate.rate());
    }
    EXPECT_GT(least, 500e3) << way / 1ms;
    EXPECT_GE(path.rate.rate(), 1.9e6) << way / 1ms;
  }
}

TEST_P(ReportsOnly, a_deep_queue_without_loss_is_one) {
  path.longest_queue = 3s;
  path.run(30s);
  path.capacity = 500e3;
  path.run(30s);
  double most = 0;
  for (int i = 0; i < 60; ++i) {
    path.run(1s);
    most = std::max(most, path.rate.queue_ms());
  }
  EXPECT_LT(most, 800);
  EXPECT_LT(path.rate.rate(), 550e3);
}

TEST_P(ReportsOnly, a_pause_is_no_time_in_which_the_path_was_tried) {
  path.tells_jitter = false;
  path.capacity = 500e3;
  path.run(30s);
  path.wanted = 0;
  path.dead = true;  // who holds sends no reports either
  path.run(1s);
  path.reports_too = false;
  path.run(60s);
  path.wanted = 2e6;
  path.dead = false;
  path.reports_too = true;
  path.run(std::chrono::seconds(GetParam() + 2));
  EXPECT_LT(path.rate.rate(), 600e3);
  path.run(10s);
  EXPECT_LT(path.take_loss(30s), 0.02);
}

INSTANTIATE_TEST_SUITE_P(every, ReportsOnly, testing::Values(1, 5));

/// How a path that becomes narrow and wide again is followed, at each of five phases of the reports.
struct Story {
  double down = 0, up = 0;  ///< s until the rate fits, until it is 1.9 Mbit/s again; the worst
  double loss = 0;          ///< afterwards, in the narrow time
  double used = 1;          ///< then, of the capacity; the least
};
Story follow(bool complains, bool tells_jitter, double narrow) {
  Story story;
  for (int phase = 0; phase < 5; ++phase) {
    ReportPath path(5s, static_cast<uint32_t>(phase + 1));
    path.complains = complains;
    path.tells_jitter = tells_jitter;
    path.run(20s + phase * 1s);
    path.capacity = narrow;
    const double down = path.until(true, std::max(1.1 * narrow, 550e3), 30s);
    path.run(15s);
    story.loss = std::max(story.loss, path.take_loss(60s));
    story.used = std::min(story.used, path.take_rate(60s) / narrow);
    path.capacity = 4e6;
    const double up = path.until(false, 1.9e6, 120s);
    story.down = std::max(story.down, down);
    story.up = std::max(story.up, up);
  }
  return story;
}

TEST(ReportsAndComplaints, tell_of_a_narrow_path_before_the_second_report_and_keep_to_it) {
  for (const double narrow : {300e3, 500e3, 900e3}) {
    const Story story = follow(true, true, narrow);
    EXPECT_LT(story.down, 5.2) << narrow;
    EXPECT_LT(story.loss, 0.02) << narrow;
    EXPECT_GT(story.used, 0.6) << narrow;
    EXPECT_LT(story.up, 30) << narrow;
  }
}

TEST(ReportsAndComplaints, after_a_report_that_saw_the_beginning_only_do_not_wait_for_the_next_one) {
  for (const auto& [narrow, longest] : {std::pair{300e3, 4.8}, {500e3, 4.3}, {900e3, 3.8}}) {
    ReportPath path(5s);
    path.complains = true;
    path.run(22500ms);
    path.capacity = narrow;  // half a second before a report
    EXPECT_LT(path.until(true, std::max(1.1 * narrow, 550e3), 30s), longest) << narrow;
  }
}

TEST(ReportsAndComplaints, without_complaints_two_reports_are_needed) {
  const Story story = follow(false, true, 500e3);
  EXPECT_LT(story.down, 10.1);
  EXPECT_GT(story.down, follow(true, true, 500e3).down);
  EXPECT_LT(story.loss, 0.02);
}

TEST(ReportsAndComplaints, who_tells_no_jitter_goes_up_by_steps) {
  const Story story = follow(true, false, 500e3);
  EXPECT_LT(story.down, 5.2);
  EXPECT_LT(story.loss, 0.02);
  EXPECT_LT(story.up, 90);
}

TEST(ReportsAndComplaints, jitter_is_believed_of_a_path_that_was_narrow_for_no_longer_than_a_report) {
  for (int phase = 0; phase < 5; ++phase) {
    ReportPath path(5s, static_cast<uint32_t>(phase + 1));
    path.complains = true;
    path.run(20s + phase * 1s);
    path.capacity = 400e3;
    path.run(10s);
    path.wanted = 300e3;  // a smaller picture
    path.run(2s);
    path.capacity = 4e6;
    EXPECT_LT(path.until(false, 850e3, 60s), 20) << phase;
  }
}

TEST(ReportsAndComplaints, of_losses_that_are_the_paths_own_are_not_believed_for_long) {
  ReportPath path(5s);
  path.complains = true;
  path.run(30s);
  path.inherent = 0.04;
  path.run(20s);
  EXPECT_GT(path.take_rate(40s), 1.7e6);
}

TEST(ReportsAndComplaints, of_a_picture_whose_sender_makes_no_keyframe_are_one_complaint) {
  ReportPath path(5s);
  path.run(30s);
  const double before = path.rate.rate();
  for (int i = 0; i < 20; ++i) {
    path.rate.on_keyframe_request(path.now);
    EXPECT_GE(path.rate.rate(), before);
    path.run(500ms);
  }
}

TEST(ReportsAndComplaints, of_someone_who_asks_for_packets_again_count_by_how_many_they_are) {
  for (const double share : {0.1, 0.4}) {
    ReportPath path(5s);
    path.run(20s);
    const double before = path.rate.rate();
    path.run(1s);
    path.rate.on_asked_again(share, path.now);
    EXPECT_EQ(path.rate.rate() < before, share == 0.4) << share;
  }
}

/// 960 kbit/s, and reports by hand.
struct Sender {
  explicit Sender(uint16_t first = 60000) : sequence(first) { rate.set_rate(1e6); }
  void send(Duration time) {
    for (const TimePoint end = now + time; now < end; now += 10ms, ++sent)
      rate.on_sent(Seq16{sequence++}, {static_cast<uint32_t>(sent / 4 * 3600)}, 1200, now);
  }
  /// All that was sent until now, of which so many were lost.
  void report(double fraction = 0, std::optional<Duration> round_trip = 50ms) {
    lost += static_cast<int32_t>(fraction * static_cast<double>(sent - reported));
    reported = sent;
    rate.on_report({fraction, lost, Seq16{static_cast<uint16_t>(sequence - 1)}, 0, round_trip}, now);
  }
  /// A series of keyframe requests, each answered.
  void complain() {
    for (int i = 0; i < 4; ++i) {
      rate.on_keyframe_request(now);
      rate.on_keyframe_sent();
      send(500ms);
    }
  }
  void good_time(Duration time) {
    for (const TimePoint end = now + time; now < end;) {
      send(5s);
      report();
    }
  }

  ReportRate rate;
  TimePoint now{1000h};
  uint16_t sequence;
  int sent = 0, reported = 0;
  int32_t lost = 0;
};

class NumbersOfPhones : public testing::TestWithParam<uint16_t> {};

TEST_P(NumbersOfPhones, that_are_always_the_same_are_no_queue) {
  Sender sender(GetParam());
  for (int i = 0; i < 150; ++i) {
    sender.send(5s);
    sender.rate.on_report({.highest = Seq16{0}, .round_trip = 50ms}, sender.now);
    EXPECT_LT(sender.rate.queue_ms(), 1) << i;
  }
  EXPECT_GE(sender.rate.rate(), 1.4e6);
}

TEST_P(NumbersOfPhones, that_are_always_the_same_do_not_hide_what_it_loses) {
  Sender sender(GetParam());
  for (const double lost : {0.0, 0.5, 0.5}) {
    sender.send(5s);
    sender.rate.on_report({lost, 0, Seq16{0}, 0, std::nullopt}, sender.now);
  }
  EXPECT_LT(sender.rate.rate(), 500e3);
  EXPECT_GT(sender.rate.rate(), 300e3);
}

TEST_P(NumbersOfPhones, that_are_always_the_same_do_not_make_a_queue_a_dead_path) {
  Sender sender(GetParam());
  for (const Duration round_trip : {50ms, 50ms, 350ms}) {
    sender.send(5s);
    sender.rate.on_report({.highest = Seq16{0}, .round_trip = round_trip}, sender.now);
  }
  EXPECT_GT(sender.rate.rate(), 600e3);
}

INSTANTIATE_TEST_SUITE_P(from, NumbersOfPhones, testing::Values(1, 100, 30000, 60000));

TEST(Reports, count_what_is_lost_in_all_where_it_says_more) {
  for (const bool counts : {false, true}) {
    Sender sender;
    sender.good_time(10s);
    sender.send(5s);  // that report gets lost: of 500 packets 200 are missing
    sender.send(5s);
    sender.rate.on_report({0, counts ? 200 : 0, Seq16{static_cast<uint16_t>(sender.sequence - 1)}, 0, 50ms},
                          sender.now);
    EXPECT_EQ(sender.rate.rate() < 900e3, counts);
  }
}

TEST(Reports, in_which_nothing_has_come_are_no_sign_of_a_good_path) {
  Sender sender;
  sender.good_time(20s);
  const double before = sender.rate.rate();
  const Seq16 stands{static_cast<uint16_t>(sender.sequence - 1)};
  sender.complain();
  const double less = sender.rate.rate();
  EXPECT_LT(less, 0.7 * before);
  for (int i = 0; i < 3; ++i) {
    sender.rate.on_report({0, 0, stands, 0, std::nullopt}, sender.now);
    sender.send(5s);
    EXPECT_LE(sender.rate.rate(), less) << i;
  }
}

TEST(Reports, tell_of_an_outage_when_it_is_over) {
  Sender sender;
  sender.good_time(20s);
  const Seq16 stands{static_cast<uint16_t>(sender.sequence - 1)};
  const double before = sender.rate.rate();
  for (int i = 0; i < 2; ++i) {
    sender.send(5s);
    sender.rate.on_report({0, 0, stands, 0, std::nullopt}, sender.now);
  }
  EXPECT_EQ(sender.rate.rate(), before);
  sender.send(5s);
  sender.report(0.6);
  EXPECT_LT(sender.rate.rate(), 500e3);
}

TEST(Reports, do_not_take_the_rate_below_what_a_picture_needs_at_least) {
  Sender sender;
  sender.rate.set_rate(0);
  EXPECT_EQ(sender.rate.rate(), 64e3);
  sender.good_time(60s);
  EXPECT_GT(sender.rate.rate(), 300e3);
  for (int i = 0; i < 20; ++i) {
    sender.send(5s);
    sender.report(0.95);
  }
  EXPECT_GE(sender.rate.rate(), 64e3);
}

TEST(Complaints, of_the_moment_before_a_report_are_judged_by_the_next_one) {
  for (const bool right : {false, true}) {
    Sender sender;
    sender.good_time(20s);
    const double before = sender.rate.rate();
    sender.send(3500ms);
    for (int i = 0; i < 4; ++i) {
      sender.rate.on_keyframe_request(sender.now);
      sender.rate.on_keyframe_sent();
      sender.send(i < 3 ? 400ms : 300ms);
    }
    EXPECT_LT(sender.rate.rate(), before);
    sender.report(0.06);
    EXPECT_LT(sender.rate.rate(), 0.7 * before) << "three quarters of the last 0.4 s are 6 % of the time";
    sender.send(5s);
    sender.report(right ? 0.5 : 0);
    EXPECT_EQ(sender.rate.rate() < before, right);
  }
}

TEST(Complaints, that_were_false_are_not_believed_until_one_was_true) {
  Sender sender;
  const auto believed = [&](double loss) {
    const double before = sender.rate.rate();
    sender.complain();
    const bool heeded = sender.rate.rate() < before;
    sender.send(3s);
    sender.report(loss);
    return heeded;
  };
  sender.good_time(20s);
  EXPECT_TRUE(believed(0));
  EXPECT_FALSE(believed(0)) << "for a minute";
  sender.good_time(60s);
  EXPECT_TRUE(believed(0));
  sender.good_time(60s);
  EXPECT_FALSE(believed(0)) << "for two";
  sender.good_time(120s);
  EXPECT_TRUE(believed(0.5)) << "it was true";
  sender.good_time(60s);
  EXPECT_TRUE(believed(0));
  sender.good_time(70s);
  EXPECT_TRUE(believed(0)) << "a minute again, not four";
}

}  // namespace
}  // namespace partyline::rtp
