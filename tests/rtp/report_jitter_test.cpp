// ReportJitter: when it is believed that a path is narrow or wide, and when not.
#include "rtp/bandwidth/report_jitter.hpp"

#include <gtest/gtest.h>

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;
using Word = ReportJitter::Word;

/// Pictures of four packets, and a phone at the end of a line.
struct Path {
  Path() { pass(10s); }
  void pass(core::Duration time) {
    for (const auto end = now + time; now < end; now += 40ms, units += 3600) {
      for (int i = 0; i < 4; ++i) {
        jitter.on_sent({units}, 600, now);
        phone.on_sent({units}, 600, now);
      }
    }
  }
  Word report(double line) {
    pass(5s);
    return jitter.on_report(phone.jitter_at(line), limit, 450e3, now);
  }

  ReportJitter jitter;
  Dispersion phone;
  core::TimePoint now{1000h};
  uint32_t units = 0;
  std::optional<double> limit = 500e3;
};

TEST(ReportJitter, of_a_narrow_path_is_believed_and_puts_the_limit_right) {
  Path path;
  path.limit = 600e3;  // half of the time was better
  EXPECT_EQ(path.report(500e3), Word::narrow);
  EXPECT_NEAR(*path.limit, 500e3, 30e3);
  EXPECT_EQ(path.jitter.carries(), 0);
}

TEST(ReportJitter, of_a_path_whose_limit_was_found_too_low_raises_it_after_some_reports) {
  Path path;
  path.limit = 450e3;
  EXPECT_EQ(path.report(700e3), Word::narrow);
  EXPECT_EQ(path.report(700e3), Word::narrow);
  EXPECT_EQ(path.limit, 450e3);
  EXPECT_EQ(path.report(700e3), Word::narrow);
  EXPECT_NEAR(*path.limit, 0.85 * 700e3, 40e3);
}

TEST(ReportJitter, of_a_wide_path_is_believed_at_once_where_it_told_of_the_narrow_one) {
  Path path;
  ASSERT_EQ(path.report(500e3), Word::narrow);
  EXPECT_EQ(path.report(4e6), Word::wide);
  EXPECT_NEAR(path.jitter.carries(), 4e6, 0.5e6);
  path.limit.reset();
  EXPECT_EQ(path.report(4e6), Word::nothing);
  EXPECT_GT(path.jitter.carries(), 3e6) << "for a minute";
  path.pass(60s);
  path.report(4e6);
  EXPECT_EQ(path.jitter.carries(), 0);
}

TEST(ReportJitter, of_a_wide_path_is_believed_the_second_time_where_it_was_silent_of_the_narrow_one) {
  Path path;
  EXPECT_EQ(path.report(4e6), Word::nothing);
  EXPECT_EQ(path.report(4e6), Word::wide);
}

TEST(ReportJitter, that_was_wrong_is_not_believed_for_five_minutes) {
  Path path;
  path.report(4e6);
  ASSERT_EQ(path.report(4e6), Word::wide);
  path.jitter.on_limit(path.now);  // it was too much
  EXPECT_EQ(path.jitter.carries(), 0);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(path.report(4e6), Word::nothing) << i;
  path.pass(60s);
  path.report(4e6);
  EXPECT_EQ(path.report(4e6), Word::wide);
}

TEST(ReportJitter, that_is_not_computed_says_nothing) {
  Path path;
  path.report(500e3);
  EXPECT_EQ(path.jitter.on_report(0, path.limit, 450e3, path.now), Word::nothing);
}

}  // namespace
}  // namespace partyline::rtp
