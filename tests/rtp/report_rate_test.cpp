// ReportRate against a model of a path: a rate with a queue of half a second in front of it, reports every so often.
#include "rtp/bandwidth/report_rate.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;
using core::Duration;
using core::TimePoint;

struct Path {
  explicit Path(Duration every) : report_every(every) {}
  /// Sends at the rate that is given, or less, in packets of 1200 bytes.
  void run(Duration duration) {
    for (const TimePoint end = now + duration; now < end; now += 10ms) {
      owed += std::min(rate.rate(), wanted) / 100;
      queue = std::max(0.0, queue - capacity / 100);
      for (; owed >= kPacket; owed -= kPacket) {
        rate.on_sent(1200);
        ++sent;
        const bool full = queue > 0.5 * capacity;
        const bool by_chance = 37 * ++any % 100 < static_cast<int>(100 * inherent);
        lost += full || by_chance ? 1 : 0;
        if (!full && !by_chance) queue += kPacket;
        if (!full && !by_chance) through += kPacket;
      }
      if (now < next_report) continue;
      next_report = now + report_every;
      const auto waits = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(queue / capacity));
      rate.on_report(static_cast<double>(lost) / std::max(sent, 1), 50ms + waits, now);
      all_lost += lost;
      all_sent += sent;
      sent = lost = 0;
    }
  }
  double take_rate(Duration over) {
    through = 0;
    run(over);
    return through / std::chrono::duration<double>(over).count();
  }
  double take_loss(Duration over) {
    all_lost = all_sent = 0;
    run(over);
    return static_cast<double>(all_lost) / std::max(all_sent, 1);
  }

  static constexpr double kPacket = 1200 * 8;
  const Duration report_every;
  ReportRate rate;
  TimePoint now{1000h}, next_report{1000h + 1s};
  double capacity = 4e6, wanted = 2e6, inherent = 0, owed = 0, queue = 0, through = 0;
  int sent = 0, lost = 0, any = 0, all_sent = 0, all_lost = 0;
};

class ReportsOnly : public testing::TestWithParam<int> {
 protected:
  Path path{std::chrono::seconds(GetParam())};
};

TEST_P(ReportsOnly, nothing_is_known_before_the_first_report_and_a_clean_path_is_no_limit) {
  EXPECT_FALSE(path.rate.known());
  path.run(20s);
  EXPECT_TRUE(path.rate.known());
  EXPECT_GE(path.rate.rate(), 2e6);
}

TEST_P(ReportsOnly, a_narrow_path_is_found_within_two_reports_and_used_without_much_loss) {
  path.capacity = 500e3;
  path.run(std::chrono::seconds(2 * GetParam() + 1));
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

}  // namespace
}  // namespace partyline::rtp
