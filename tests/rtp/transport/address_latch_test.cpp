#include "rtp/transport/address_latch.hpp"

#include <gtest/gtest.h>

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;
using Endpoint = AddressLatch::Endpoint;

Endpoint at(const char* address, uint16_t port) {
  return {boost::asio::ip::make_address(address), port};
}

struct AddressLatchTest : testing::Test {
  const Endpoint sdp = at("192.0.2.1", 4000), nat = at("198.51.100.7", 61000), thief = at("203.0.113.9", 9);
  core::TimePoint now{100s};
  AddressLatch latch;

  AddressLatchTest() { latch.set_remote(sdp); }
  void latch_to_nat() {
    for (int i = 0; i < AddressLatch::kProbation; ++i) latch.receive(nat, 1, now += 20ms);
    ASSERT_EQ(latch.target(), nat);
  }
};

TEST_F(AddressLatchTest, media_goes_to_the_sdp_address_until_three_packets_in_a_row_came_from_another) {
  EXPECT_TRUE(latch.receive(nat, 1, now));
  EXPECT_TRUE(latch.receive(nat, 1, now += 20ms));
  EXPECT_EQ(latch.target(), sdp);
  EXPECT_TRUE(latch.receive(nat, 1, now += 20ms));
  EXPECT_EQ(latch.target(), nat);
  EXPECT_TRUE(latch.latched());
}

TEST_F(AddressLatchTest, a_change_of_ssrc_or_address_starts_the_probation_again) {
  latch.receive(nat, 1, now);
  latch.receive(nat, 1, now);
  latch.receive(nat, 2, now);
  latch.receive(thief, 2, now);
  latch.receive(nat, 2, now);
  latch.receive(nat, 2, now);
  EXPECT_EQ(latch.target(), sdp);
  latch.receive(nat, 2, now);
  EXPECT_EQ(latch.target(), nat);
}

TEST_F(AddressLatchTest, packets_of_the_sdp_address_break_a_strangers_row) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(latch.receive(sdp, 1, now += 10ms));
    EXPECT_FALSE(latch.receive(thief, 9, now += 10ms)) << "nobody but the live target is heard";
  }
  EXPECT_EQ(latch.target(), sdp);
}

TEST_F(AddressLatchTest, an_sdp_address_that_proved_itself_is_not_given_up_for_a_burst) {
  for (int i = 0; i < 3; ++i) latch.receive(sdp, 1, now += 20ms);
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(latch.receive(thief, 9, now += 1ms));
  EXPECT_EQ(latch.target(), sdp);
}

TEST_F(AddressLatchTest, a_third_address_wins_only_when_the_latched_one_has_been_silent_for_half_a_second) {
  latch_to_nat();
  const auto silent_from = now;
  while (now + 20ms < silent_from + AddressLatch::kSilence) EXPECT_FALSE(latch.receive(thief, 9, now += 20ms));
  EXPECT_EQ(latch.target(), nat);
  EXPECT_TRUE(latch.receive(thief, 9, silent_from + AddressLatch::kSilence));
  EXPECT_EQ(latch.target(), thief);
}

TEST_F(AddressLatchTest, a_new_address_after_silence_still_needs_its_probation) {
  latch_to_nat();
  now += 5s;
  latch.receive(thief, 9, now);
  latch.receive(thief, 9, now);
  EXPECT_EQ(latch.target(), nat);
  latch.receive(thief, 9, now);
  EXPECT_EQ(latch.target(), thief);
}

TEST_F(AddressLatchTest, a_re_invite_starts_again) {
  latch_to_nat();
  latch.set_remote(at("192.0.2.50", 5000));
  EXPECT_EQ(latch.target(), at("192.0.2.50", 5000));
  EXPECT_FALSE(latch.latched());
}

TEST_F(AddressLatchTest, nothing_is_sent_to_a_peer_on_hold) {
  latch.set_remote(at("0.0.0.0", 4000));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(latch.receive(nat, 1, now));
  EXPECT_EQ(latch.target(), std::nullopt);
  latch.set_remote(at("192.0.2.1", 0));
  EXPECT_EQ(latch.target(), std::nullopt);
}

}  // namespace
}  // namespace partyline::rtp
