#include "rtp/expected_loss.hpp"

#include <gtest/gtest.h>

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;

struct Receiver {
  void reports(int seconds, double fraction) {
    for (int i = 0; i < seconds; ++i) loss.on_report(fraction, now += 1s);
  }
  ExpectedLoss loss;
  core::TimePoint now{1000h};
};

TEST(ExpectedLoss, one_lost_packet_of_fifty_is_nothing_to_prepare_for) {
  Receiver receiver;
  receiver.reports(1, 0.02);
  receiver.reports(10, 0);
  EXPECT_EQ(receiver.loss.percent(), 0);
}

TEST(ExpectedLoss, rises_within_two_reports_and_by_what_is_lost) {
  Receiver receiver;
  receiver.reports(2, 0.1);
  EXPECT_EQ(receiver.loss.percent(), 10);
  receiver.reports(5, 0.3);
  EXPECT_EQ(receiver.loss.percent(), 20);
}

TEST(ExpectedLoss, falls_only_when_it_was_not_needed_for_a_quarter_of_a_minute) {
  Receiver receiver;
  receiver.reports(5, 0.1);
  receiver.reports(12, 0);
  EXPECT_EQ(receiver.loss.percent(), 10);
  receiver.reports(2, 0.2);
  receiver.reports(12, 0);
  EXPECT_EQ(receiver.loss.percent(), 10);
  receiver.reports(12, 0);
  EXPECT_EQ(receiver.loss.percent(), 0);
}

}  // namespace
}  // namespace partyline::rtp
