#include "gateway/key_presses.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace partyline::gateway {
namespace {

using namespace std::chrono_literals;

/// What was pressed, by what is reported each `step`: "r1" is a key by RTP, "i1" the same by INFO.
std::string pressed(std::string_view reports, core::Duration step = 100ms) {
  KeyPresses presses;
  core::TimePoint now(1h);
  std::string result;
  for (size_t i = 0; i + 1 < reports.size(); i += 2, now += step) {
    const auto way = reports[i] == 'r' ? KeyPresses::Way::rtp : KeyPresses::Way::info;
    if (presses.is_new(reports[i + 1], way, now)) result += reports[i + 1];
  }
  return result;
}

TEST(KeyPresses, one_way_alone_is_taken_at_its_word) {
  EXPECT_EQ(pressed("r1r1r#"), "11#");
  EXPECT_EQ(pressed("i1i1i#", 10ms), "11#");
}

TEST(KeyPresses, what_both_ways_report_is_one_press) {
  EXPECT_EQ(pressed("r1i1"), "1");
  EXPECT_EQ(pressed("i1r1"), "1");
  EXPECT_EQ(pressed("r*i*r1i1"), "*1");
}

TEST(KeyPresses, a_key_that_is_pressed_twice_is_two_presses_in_whatever_order_the_reports_come) {
  EXPECT_EQ(pressed("r9i9r9i9"), "99");
  EXPECT_EQ(pressed("r9r9i9i9"), "99");
  EXPECT_EQ(pressed("r9i9i9r9"), "99");
}

TEST(KeyPresses, what_is_reported_much_later_is_another_press) {
  EXPECT_EQ(pressed("r1i1", 1500ms), "1");
  EXPECT_EQ(pressed("r1i1", 1501ms), "11");
}

TEST(KeyPresses, a_report_that_is_lost_disturbs_no_other) {
  EXPECT_EQ(pressed("r1r2i2r3i3"), "123");
}

}  // namespace
}  // namespace partyline::gateway
