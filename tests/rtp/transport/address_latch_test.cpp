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
  const Endpoint sdp = at("10.0.0.5", 4000), nat = at("198.51.100.7", 61000), thief = at("203.0.113.9", 9);
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

TEST_F(AddressLatchTest, another_port_of_the_same_host_wins_when_the_latched_one_has_been_silent_for_half_a_second) {
  latch_to_nat();
  const Endpoint port(nat.address(), static_cast<uint16_t>(nat.port() + 2));
  const auto silent_from = now;
  while (now + 20ms < silent_from + AddressLatch::kSilence) EXPECT_FALSE(latch.receive(port, 9, now += 20ms));
  EXPECT_EQ(latch.target(), nat);
  EXPECT_TRUE(latch.receive(port, 9, silent_from + AddressLatch::kSilence));
  EXPECT_EQ(latch.target(), port);
}

TEST_F(AddressLatchTest, a_new_port_after_silence_still_needs_its_probation) {
  latch_to_nat();
  const Endpoint port(nat.address(), static_cast<uint16_t>(nat.port() + 2));
  now += 10s;
  latch.receive(port, 9, now);
  latch.receive(port, 9, now);
  EXPECT_EQ(latch.target(), nat);
  latch.receive(port, 9, now);
  EXPECT_EQ(latch.target(), port);
}

TEST_F(AddressLatchTest, another_host_never_takes_a_latched_stream_however_long_it_is_silent) {
  latch_to_nat();
  now += 1h;
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(latch.receive(thief, 9, now += 20ms));
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(latch.receive_rtcp(thief, true));
  EXPECT_EQ(latch.target(), nat);
}

TEST_F(AddressLatchTest, a_silent_phone_at_a_public_address_is_not_robbed) {
  latch.set_remote(at("192.0.2.1", 4000));
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(latch.receive(thief, 9, now += 20ms));
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(latch.receive_rtcp(thief, true));
  EXPECT_EQ(latch.target(), at("192.0.2.1", 4000));
  EXPECT_TRUE(latch.receive(at("192.0.2.1", 4000), 1, now));
}

TEST_F(AddressLatchTest, one_report_of_the_phone_is_enough_to_hold_its_stream) {
  EXPECT_TRUE(latch.receive_rtcp(at("10.0.0.5", 4001), false));
  EXPECT_TRUE(latch.latched());
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(latch.receive(thief, 9, now += 20ms));
  EXPECT_EQ(latch.target(), sdp);
}

TEST_F(AddressLatchTest, a_phone_behind_a_nat_that_only_listens_is_found_by_its_reports) {
  const Endpoint reports(nat.address(), static_cast<uint16_t>(nat.port() + 1));
  EXPECT_FALSE(latch.receive_rtcp(reports, false));
  EXPECT_FALSE(latch.receive_rtcp(reports, false));
  EXPECT_TRUE(latch.receive_rtcp(reports, false));
  EXPECT_EQ(latch.target(), Endpoint(nat.address(), sdp.port())) << "where RTP goes is not known yet";
  EXPECT_FALSE(latch.receive(thief, 9, now));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(latch.receive(nat, 1, now += 20ms));
  EXPECT_EQ(latch.target(), nat);

  latch.set_remote(sdp);
  for (int i = 0; i < 3; ++i) latch.receive_rtcp(nat, true);
  EXPECT_EQ(latch.target(), nat) << "one port for both";
}

TEST_F(AddressLatchTest, another_host_may_come_where_the_sdp_cannot_name_the_one_we_see) {
  struct Case {
    const char* sdp;
    const char* from;
    bool may;
  };
  for (const auto& [named, from, may] : {
           Case{"10.1.2.3", "203.0.113.9", true},          Case{"172.31.0.1", "203.0.113.9", true},
           Case{"172.32.0.1", "203.0.113.9", false},       Case{"192.168.1.9", "203.0.113.9", true},
           Case{"100.127.0.1", "203.0.113.9", true},       Case{"100.128.0.1", "203.0.113.9", false},
           Case{"127.0.1.1", "203.0.113.9", true},         Case{"169.254.7.7", "203.0.113.9", true},
           Case{"fd12::1", "2001:db8::1", true},           Case{"fe80::1", "2001:db8::1", true},
           Case{"2001:db8:1::1", "2001:db8:2::1", false},  Case{"2001:db8:1::1", "2001:db8:1::9", true},
           Case{"2001:db8::1", "203.0.113.9", true},       Case{"192.0.2.1", "2001:db8::1", true},
           Case{"192.0.2.1", "::ffff:203.0.113.9", false}, Case{"192.0.2.1", "::ffff:192.0.2.1", true},
           Case{"192.0.2.1", "192.0.2.77", true},          Case{"192.0.2.1", "192.0.3.1", false},
           Case{"198.51.100.1", "192.168.1.9", true},
       }) {
    latch.set_remote(at(named, 4000));
    for (int i = 0; i < 3; ++i) latch.receive(at(from, 5000), 1, now += 20ms);
    EXPECT_EQ(latch.latched(), may) << named << " " << from;
    EXPECT_EQ(latch.target(), may ? at(from, 5000) : at(named, 4000)) << named << " " << from;
  }
}

TEST_F(AddressLatchTest, a_socket_of_both_ip_versions_shows_the_address_of_the_sdp_in_other_words) {
  latch.set_remote(at("192.0.2.1", 4000));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(latch.receive(at("::ffff:192.0.2.1", 4000), 1, now));
  EXPECT_TRUE(latch.latched());
  EXPECT_EQ(latch.target(), at("192.0.2.1", 4000));
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
