#include "whip_client/layer_shares.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace partyline::whip_client {
namespace {

using namespace std::chrono_literals;
using core::Bitrate;
using testing::ElementsAre;

struct Layers : testing::Test {
  /// kbit/s of each layer when the path has carried so much for a while.
  std::vector<int64_t> split(std::optional<int64_t> kbps, core::Duration duration = 10s) {
    std::vector<Bitrate> shares;
    for (const auto end = now + duration; now <= end; now += 100ms) {
      shares = layers.update(kbps ? std::optional(Bitrate::kbps(static_cast<int>(*kbps))) : std::nullopt, wanted, now);
    }
    std::vector<int64_t> result;
    for (const auto each : shares) result.push_back(each.bits_per_second / 1000);
    return result;
  }
  LayerShares layers{{Bitrate::kbps(2000), Bitrate::kbps(800), Bitrate::kbps(300)}};
  std::vector<bool> wanted{true, true, true};
  core::TimePoint now{1000h};
};

TEST_F(Layers, nothing_known_is_no_limit) {
  EXPECT_THAT(split(std::nullopt), ElementsAre(2000, 800, 300));
  EXPECT_EQ(layers.wish(wanted), Bitrate::kbps(3100));
}

TEST_F(Layers, the_largest_gets_worse_first_and_is_the_first_to_stop) {
  EXPECT_THAT(split(2600), ElementsAre(1500, 800, 300));
  EXPECT_THAT(split(1700), ElementsAre(1000, 400, 300)) << "the next one";
  EXPECT_THAT(split(1500), ElementsAre(0, 800, 300)) << "what it leaves goes to the others";
  EXPECT_THAT(split(900), ElementsAre(0, 600, 300));
  EXPECT_THAT(split(500), ElementsAre(0, 0, 300));
  EXPECT_THAT(split(60), ElementsAre(0, 0, 150)) << "one is always sent";
}

TEST_F(Layers, one_comes_back_when_there_has_been_room_for_a_while) {
  split(500);
  EXPECT_THAT(split(2600, 1s), ElementsAre(0, 0, 300));
  EXPECT_THAT(split(2600, 2s), ElementsAre(0, 800, 300)) << "one at a time";
  EXPECT_THAT(split(1600), ElementsAre(0, 800, 300)) << "just enough would not last";
  EXPECT_THAT(split(2600), ElementsAre(1500, 800, 300));
}

TEST_F(Layers, one_goes_on_while_the_estimate_dips) {
  split(1500);
  EXPECT_THAT(split(500, 900ms), ElementsAre(0, 400, 150));
  EXPECT_THAT(split(560, 100ms), ElementsAre(0, 400, 160));
  EXPECT_THAT(split(500, 900ms), ElementsAre(0, 400, 150));
  EXPECT_THAT(split(500, 200ms), ElementsAre(0, 0, 300)) << "for a second";
  split(1500);
  EXPECT_THAT(split(430, 0ms), ElementsAre(0, 0, 300)) << "much too little";
}

TEST_F(Layers, what_nobody_wants_takes_nothing) {
  wanted = {true, false, false};
  EXPECT_THAT(split(1100), ElementsAre(1100, 0, 0));
  EXPECT_THAT(split(300), ElementsAre(1000, 0, 0)) << "the only one does not stop";
  wanted = {false, true, true};
  EXPECT_THAT(split(1100), ElementsAre(0, 800, 300));
  EXPECT_EQ(layers.wish(wanted), Bitrate::kbps(1100));
  wanted = {false, false, false};
  EXPECT_THAT(split(1100), ElementsAre(0, 0, 0));
}

}  // namespace
}  // namespace partyline::whip_client
