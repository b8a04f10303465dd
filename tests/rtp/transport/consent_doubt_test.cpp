#include "rtp/transport/consent_doubt.hpp"

#include <gtest/gtest.h>

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;

constexpr core::TimePoint kStart{1000s};

TEST(ConsentDoubt, a_check_or_two_that_were_lost_are_no_end_while_the_peers_packets_come) {
  ConsentDoubt doubt;
  core::TimePoint now = kStart;
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(doubt.goes_on(now - 20ms, now)) << i;
    now += 17001ms;  // an answer came at last
  }
}

TEST(ConsentDoubt, consent_expires_within_thirty_seconds_of_the_last_answer) {
  for (const auto first_check : {0s, 4s, 6s}) {
    ConsentDoubt doubt;
    const core::TimePoint answered = kStart, given_up = answered + 10s;
    EXPECT_TRUE(doubt.goes_on(given_up, given_up));
    const core::TimePoint again = given_up + first_check + 10s;
    EXPECT_FALSE(doubt.goes_on(again, again)) << "media is no consent";
    EXPECT_LT(again + ConsentDoubt::kRest - answered, 30s);
  }
}

TEST(ConsentDoubt, a_path_on_which_nothing_comes_is_lost_at_once) {
  ConsentDoubt doubt;
  EXPECT_FALSE(doubt.goes_on(kStart - 3001ms, kStart));
  EXPECT_TRUE(doubt.goes_on(kStart - 3s, kStart));
}

}  // namespace
}  // namespace partyline::rtp
