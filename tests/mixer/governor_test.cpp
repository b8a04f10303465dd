// The governor in virtual time.
#include "mixer/governor.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace partyline::mixer {
namespace {

using namespace std::chrono_literals;

struct Watch {
  Governor governor;
  core::TimePoint now = core::TimePoint(1000h);
  /// Runs for so long under a load that may depend on the cuts; the changes with their times.
  std::vector<std::pair<core::Duration, int>> run(core::Duration duration, const std::function<LoadSample(int)>& load) {
    std::vector<std::pair<core::Duration, int>> changes;
    for (const auto began = now; now - began < duration; now += Governor::kPeriod)
      if (const int change = governor.update(load(governor.cuts()), now)) changes.emplace_back(now - began, change);
    return changes;
  }
  std::vector<std::pair<core::Duration, int>> run(core::Duration duration, LoadSample load) {
    return run(duration, [load](int) { return load; });
  }
};

constexpr LoadSample kIdle{0.1, {}, 0};
constexpr LoadSample kFull{0.99, 20ms, 0};

TEST(Governor, an_idle_pool_changes_nothing) {
  Watch watch;
  EXPECT_TRUE(watch.run(1h, kIdle).empty());
  EXPECT_TRUE(watch.governor.admits_rooms());
}

TEST(Governor, any_sign_of_falling_behind_cuts_once_it_is_seen_twice) {
  for (const LoadSample& sign : {LoadSample{0.95, {}, 0}, LoadSample{0.3, 80ms, 0}, LoadSample{0.3, {}, 0.1}}) {
    Watch watch;
    watch.run(10s, kIdle);
    EXPECT_TRUE(watch.run(500ms, sign).empty()) << "once is an accident";
    watch.run(2s, kIdle);
    EXPECT_EQ(watch.governor.cuts(), 0);
    EXPECT_TRUE(watch.governor.admits_rooms());
    const auto changes = watch.run(2s, sign);
    ASSERT_EQ(changes.size(), 1u);
    EXPECT_EQ(changes[0], std::pair(core::Duration(500ms), 1));
    EXPECT_FALSE(watch.governor.admits_rooms());
  }
}

TEST(Governor, a_machine_that_was_held_for_a_moment_does_without_nothing) {
  Watch watch;
  for (int pause = 0; pause < 5; ++pause) {
    EXPECT_TRUE(watch.run(500ms, {0.99, 1s, 0.9}).empty());
    EXPECT_TRUE(watch.run(10s, kIdle).empty());
  }
  EXPECT_EQ(watch.run(1s, {0.99, 1s, 0.9}).size(), 1u) << "but a pool that does not keep up is soon relieved";
}

TEST(Governor, quality_falls_in_a_fixed_order_and_each_cut_may_show_its_effect_first) {
  Watch watch;
  const auto changes = watch.run(60s, kFull);
  ASSERT_EQ(changes.size(), static_cast<size_t>(Governor::kMostCuts));
  for (size_t i = 1; i < changes.size(); ++i) EXPECT_GE(changes[i].first - changes[i - 1].first, 2s);
  EXPECT_LE(changes.back().first, 15s) << "and it does not take long";
  const auto is = [](int cuts, bool biggest) { return Governor::economy(cuts, biggest); };
  EXPECT_EQ(is(0, true), Economy{});
  EXPECT_EQ(is(1, true), (Economy{true, 1, 6}));
  EXPECT_EQ(is(2, true), (Economy{true, 2, 6}));
  EXPECT_EQ(is(2, false), (Economy{true, 1, 6})) << "small rooms keep their rate at first";
  EXPECT_EQ(is(3, false), (Economy{true, 2, 6}));
  EXPECT_EQ(is(4, false), (Economy{true, 2, 4}));
  EXPECT_EQ(is(5, true), (Economy{true, 2, 3}));
}

TEST(Governor, a_cut_that_suffices_is_the_last_one) {
  Watch watch;
  watch.run(60s, [](int cuts) { return cuts >= 2 ? LoadSample{0.8, {}, 0} : kFull; });
  EXPECT_EQ(watch.governor.cuts(), 2);
}

TEST(Governor, new_rooms_are_refused_before_running_ones_suffer) {
  Watch watch;
  EXPECT_TRUE(watch.run(10s, {0.88, {}, 0}).empty());
  EXPECT_FALSE(watch.governor.admits_rooms());
  watch.run(10s, {0.75, {}, 0});
  EXPECT_FALSE(watch.governor.admits_rooms()) << "a gap between closing and opening";
  watch.run(10s, {0.6, {}, 0});
  EXPECT_TRUE(watch.governor.admits_rooms());
}

TEST(Governor, quality_comes_back_one_cut_at_a_time_after_ten_seconds_of_calm) {
  Watch watch;
  watch.run(60s, kFull);
  const auto changes = watch.run(120s, kIdle);
  ASSERT_EQ(changes.size(), static_cast<size_t>(Governor::kMostCuts));
  for (size_t i = 0; i < changes.size(); ++i) {
    EXPECT_EQ(changes[i].second, -1);
    EXPECT_GE(changes[i].first - (i == 0 ? 0s : changes[i - 1].first), 10s);
  }
  EXPECT_EQ(watch.governor.cuts(), 0);
  EXPECT_TRUE(watch.governor.admits_rooms());
}

TEST(Governor, half_a_load_is_not_calm_enough_to_come_back) {
  Watch watch;
  watch.run(3s, kFull);
  ASSERT_GT(watch.governor.cuts(), 0);
  EXPECT_TRUE(watch.run(10min, {0.65, {}, 0}).empty());
}

TEST(Governor, a_load_that_returns_with_the_quality_makes_it_flap_ever_more_seldom) {
  Watch watch;
  // Calm with a cut, too much without.
  const auto changes = watch.run(1h, [](int cuts) { return cuts > 0 ? LoadSample{0.55, {}, 0} : kFull; });
  std::vector<core::Duration> ups;
  for (const auto& [when, change] : changes)
    if (change < 0) ups.push_back(when);
  ASSERT_GE(ups.size(), 5u);
  EXPECT_LE(ups[0], 20s);
  EXPECT_GE(ups[4] - ups[3], 80s);
  EXPECT_LE(ups.size(), 30u) << "an hour has 360 times ten seconds";
}

TEST(Governor, what_is_set_aside_counts_as_taken) {
  Watch watch;
  watch.run(10s, {0.5, {}, 0});
  EXPECT_TRUE(watch.governor.admits_rooms(0.34));
  EXPECT_FALSE(watch.governor.admits_rooms(0.36));
}

TEST(Governor, the_biggest_rooms_are_those_few_that_cost_half_of_everything) {
  using Names = std::set<std::string>;
  struct Row {
    std::vector<RoomCost> costs;
    Names biggest;
  };
  for (const Row& row : {
           Row{{}, {}},
           Row{{{"idle", 0}}, {}},
           Row{{{"only", 0.1}}, {"only"}},
           Row{{{"small", 0.1}, {"large", 0.9}}, {"large"}},
           Row{{{"a", 3}, {"b", 4}, {"c", 3}}, {"b", "a"}},
           Row{{{"a", 0.25}, {"b", 0.5}, {"c", 0.25}}, {"b"}},
           Row{{{"a", 1}, {"b", 2}, {"c", 3}, {"d", 2}, {"e", 2}}, {"c", "b"}},
       })
    EXPECT_EQ(biggest_rooms(row.costs), row.biggest);
}

TEST(Governor, every_cut_has_words) {
  for (int cut = 1; cut <= Governor::kMostCuts; ++cut) EXPECT_FALSE(Governor::words(cut).empty());
  EXPECT_TRUE(Governor::words(0).empty());
  EXPECT_TRUE(Governor::words(Governor::kMostCuts + 1).empty());
}

}  // namespace
}  // namespace partyline::mixer
