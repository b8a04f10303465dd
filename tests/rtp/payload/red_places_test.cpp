#include "rtp/payload/red_places.hpp"

#include <gtest/gtest.h>

namespace partyline::rtp {
namespace {

constexpr uint32_t kStep = 960;

/// Packets kStep apart; `first` is the first one's number, its time is 0 less two packets, so that times wrap.
struct RedPlacesTest : testing::TestWithParam<int64_t> {
  uint32_t time_of(int64_t sequence) const { return static_cast<uint32_t>((sequence - GetParam() - 2) * kStep); }
  void have(std::initializer_list<int64_t> after_first) {
    for (const int64_t n : after_first) places.on_packet(GetParam() + n, time_of(GetParam() + n));
  }
  /// Where a block `back` packets' time before packet `own` belongs, counted from the first packet.
  std::optional<int64_t> place(int64_t own, double back) const {
    const uint32_t time = time_of(GetParam() + own);
    const auto found = places.place(time - static_cast<uint32_t>(back * kStep), GetParam() + own, time);
    return found ? std::optional(*found - GetParam()) : std::nullopt;
  }
  RedPlaces places;
};

TEST_P(RedPlacesTest, go_by_the_packets_distance_in_time_and_not_by_the_order_of_blocks) {
  have({0, 1, 2});
  EXPECT_EQ(place(6, 1), 5);
  EXPECT_EQ(place(6, 2), 4);
  EXPECT_EQ(place(6, 3), 3);
  EXPECT_FALSE(place(6, 4)) << "it is here";
  EXPECT_FALSE(place(6, 1.5)) << "no packet began then";
}

TEST_P(RedPlacesTest, between_two_neighbours_need_no_habit) {
  have({0});
  EXPECT_EQ(place(2, 1), 1);
  EXPECT_EQ(place(2, 1.5), 1) << "the sender changes its packets' length";
  EXPECT_FALSE(place(3, 1)) << "one of two";
}

TEST_P(RedPlacesTest, are_counted_from_the_nearest_packet_that_is_known) {
  have({0, 1});
  places.on_packet(GetParam() + 5, time_of(GetParam() + 9));  // after a silence
  const uint32_t own = time_of(GetParam() + 10);
  EXPECT_EQ(places.place(time_of(GetParam() + 8), GetParam() + 6, own), GetParam() + 4);
  EXPECT_FALSE(places.place(time_of(GetParam() + 3), GetParam() + 6, own)) << "it would be one that is here already";
}

TEST_P(RedPlacesTest, are_unknown_after_a_restart) {
  have({0, 1, 2});
  places.clear();
  EXPECT_FALSE(place(4, 1));
}

TEST_P(RedPlacesTest, one_pause_is_no_habit) {
  have({0, 1});
  places.on_packet(GetParam() + 2, time_of(GetParam() + 7));
  const uint32_t own = time_of(GetParam() + 10);
  EXPECT_EQ(places.place(time_of(GetParam() + 9), GetParam() + 5, own), GetParam() + 4);
}

INSTANTIATE_TEST_SUITE_P(Starts, RedPlacesTest, testing::Values(-1, 0, 5, 0x7FFF, 0xFFFE, int64_t{1} << 40));

}  // namespace
}  // namespace partyline::rtp
