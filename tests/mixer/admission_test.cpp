// Bursts of new rooms in virtual time.
#include "mixer/admission.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "mixer/governor.hpp"

namespace partyline::mixer {
namespace {

using namespace std::chrono_literals;

/// A pool whose rooms cost so much each, from a second after they were let in.
struct Pool {
  Pool(int thread_count, double room_cost) : threads(thread_count), cost(room_cost), admission(thread_count) {}
  int threads;
  double cost;
  Governor governor;
  Admission admission;
  core::TimePoint now = core::TimePoint(1000h);
  std::vector<std::pair<std::string, core::TimePoint>> rooms;
  int asked = 0, cuts = 0;

  bool admits() const { return governor.admits_rooms(admission.set_aside(now)); }
  void ask() {
    const std::string name = "room" + std::to_string(++asked);
    if (!admits()) return;
    rooms.emplace_back(name, now);
    admission.begin(name, now);
  }
  double busy() const {
    double sum = 0;
    for (const auto& [name, since] : rooms) sum += now - since >= 1s ? cost : 0;
    return sum / threads;
  }
  /// `a_period`: so many ask in each.
  void run(core::Duration duration, int a_period = 0) {
    for (const auto end = now + duration; now < end; now += Governor::kPeriod) {
      for (int i = 0; i < a_period; ++i) ask();
      const double share = busy();
      cuts += governor.update({std::min(share, 1.0), {}, share > 1 ? 1 - 1 / share : 0}, now) > 0 ? 1 : 0;
      std::vector<RoomCost> costs;
      for (const auto& [name, since] : rooms) costs.push_back({name, now - since >= 1s ? cost : 0});
      admission.update(costs, now);
    }
  }
};

TEST(Admission, of_thirty_who_call_at_once_only_so_many_come_in_that_nobody_suffers) {
  Pool pool(2, Admission::kUsualCost);
  pool.run(5s);
  pool.run(1s, 15);
  EXPECT_EQ(pool.rooms.size(), 7u) << "each is an eighth of the pool, and from 85 % on nobody comes in";
  pool.run(60s);
  EXPECT_EQ(pool.cuts, 0);
  EXPECT_FALSE(pool.admits()) << "87 % are in use by now";
}

TEST(Admission, what_rooms_have_cost_so_far_is_what_the_next_ones_are_expected_to_cost) {
  Pool dear(8, 1);
  dear.ask();
  dear.run(60s);
  dear.run(1s, 15);
  EXPECT_LE(dear.rooms.size(), 8u);
  dear.run(60s);
  EXPECT_EQ(dear.cuts, 0);
  Pool cheap(2, 0.001);  // passed through
  cheap.ask();
  cheap.run(60s);
  cheap.run(1s, 15);
  EXPECT_EQ(cheap.rooms.size(), 31u);
}

TEST(Admission, a_steady_flow_of_rooms_ends_when_the_pool_is_full_and_not_before) {
  Pool pool(4, 0.2);
  for (int i = 0; i < 60; ++i) {
    pool.ask();
    pool.run(1s);
  }
  EXPECT_GE(pool.rooms.size(), 16u);
  EXPECT_LE(pool.rooms.size(), 18u) << "of 20 that fill it, 85 %";
  EXPECT_EQ(pool.cuts, 0);
}

TEST(Admission, the_smallest_machine_takes_its_first_rooms_whatever_they_cost) {
  for (const double cost : {0.1, 0.5, 0.9}) {
    Pool pool(1, cost);
    pool.ask();
    EXPECT_EQ(pool.rooms.size(), 1u);
    pool.run(60s);
    pool.rooms.clear();
    pool.admission.end("room1");
    pool.run(60s);
    pool.ask();
    EXPECT_EQ(pool.rooms.size(), 1u) << "though it is known that they cost " << cost;
  }
}

TEST(Admission, who_has_gone_keeps_no_place) {
  Pool pool(1, 0);
  for (int i = 0; i < 10; ++i) pool.ask();
  EXPECT_EQ(pool.rooms.size(), 4u);
  for (const auto& [name, since] : pool.rooms) pool.admission.end(name);
  EXPECT_EQ(pool.admission.set_aside(pool.now), 0);
  EXPECT_TRUE(pool.admits());
}

}  // namespace
}  // namespace partyline::mixer
