#include "rtp/transport/ice_remotes.hpp"

#include <gtest/gtest.h>

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;

struct IceRemotesTest : testing::Test {
  IceRemotes remotes;
  core::TimePoint now{50s};
  static IceRemotes::Endpoint at(uint16_t port) { return {boost::asio::ip::make_address("192.0.2.1"), port}; }
};

TEST_F(IceRemotesTest, the_first_valid_check_is_selected_until_one_is_nominated) {
  auto change = remotes.check(at(1), {}, false, now);
  EXPECT_TRUE(change.added);
  EXPECT_TRUE(change.selected);
  change = remotes.check(at(2), {}, false, now);
  EXPECT_TRUE(change.added);
  EXPECT_FALSE(change.selected);
  change = remotes.check(at(2), {}, true, now);
  EXPECT_FALSE(change.added);
  EXPECT_TRUE(change.selected);
  EXPECT_EQ(remotes.selected()->key, at(2));
  EXPECT_FALSE(remotes.check(at(2), {}, true, now).selected);
}

TEST_F(IceRemotesTest, a_peer_that_moved_is_followed_once_its_old_address_is_silent) {
  remotes.check(at(1), {}, true, now);
  remotes.heard(at(1), now += 1s);
  EXPECT_FALSE(remotes.check(at(2), {}, false, now + IceRemotes::kMoved - 1ms).selected);
  EXPECT_TRUE(remotes.check(at(2), {}, false, now + IceRemotes::kMoved).selected);
}

TEST_F(IceRemotesTest, a_flood_of_addresses_evicts_the_longest_unheard_but_never_the_selected_one) {
  remotes.check(at(1), {}, true, now);
  for (uint16_t port = 2; port <= IceRemotes::kMax; ++port) remotes.check(at(port), {}, false, now += 1ms);
  const auto change = remotes.check(at(100), {}, false, now += 1ms);
  EXPECT_EQ(change.evicted, at(2));
  EXPECT_EQ(remotes.all().size(), IceRemotes::kMax);
  EXPECT_EQ(remotes.selected()->key, at(1));
}

TEST_F(IceRemotesTest, an_address_that_now_belongs_to_another_session_is_forgotten) {
  remotes.check(at(1), {}, false, now);
  remotes.check(at(2), {}, true, now);
  remotes.remove(at(1));
  EXPECT_EQ(remotes.selected()->key, at(2));
  remotes.remove(at(2));
  EXPECT_EQ(remotes.selected(), nullptr);
  EXPECT_TRUE(remotes.check(at(3), {}, false, now).selected);
}

}  // namespace
}  // namespace partyline::rtp
