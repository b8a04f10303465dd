// ReportRate over a simulated path, with reports every second and every five.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/rtp/report_path.hpp"

namespace partyline::rtp {
namespace {

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
    const double up = path.until(false, 1.9e6, 90s);
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
  EXPECT_LT(story.up, 80);
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
    path.run(500ms);
  }
  EXPECT_GE(path.rate.rate(), before);
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

TEST(ReportsAndComplaints, numbers_that_mean_nothing_are_no_queue) {
  ReportRate rate;
  core::TimePoint now(1000h);
  for (int i = 0; i < 5000; ++i, now += 10ms) {
    rate.on_sent(Seq16{static_cast<uint16_t>(60000 + i)}, {static_cast<uint32_t>(i / 4 * 3600)}, 1200, now);
    if (i % 500 == 499) rate.on_report({.highest = Seq16{0}, .round_trip = 50ms}, now);
  }
  EXPECT_GE(rate.rate(), 1.4e6);
  EXPECT_LT(rate.queue_ms(), 1);
}

}  // namespace
}  // namespace partyline::rtp
