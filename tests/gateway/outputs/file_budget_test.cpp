#include "gateway/outputs/file_budget.hpp"

#include <gtest/gtest.h>

namespace partyline::gateway {
namespace {

using namespace std::chrono_literals;
const core::TimePoint zero{core::TimePoint{} + 500s};

/// Files that begin when one is wished for each 20 ms.
int files_within(FileBudget& budget, core::TimePoint from, core::Duration time) {
  int files = 0;
  for (core::Duration at{}; at < time; at += 20ms) files += budget.take(from + at) ? 1 : 0;
  return files;
}

TEST(FileBudget, a_few_may_begin_at_once_then_one_in_two_seconds) {
  FileBudget budget;
  EXPECT_EQ(files_within(budget, zero, 1s), FileBudget::kAtOnce);
  EXPECT_EQ(files_within(budget, zero + 1s, 10s), 5);
}

TEST(FileBudget, after_a_pause_a_few_may_begin_at_once_again) {
  FileBudget budget;
  files_within(budget, zero, 1s);
  EXPECT_EQ(files_within(budget, zero + 60s, 1s), FileBudget::kAtOnce);
}

TEST(FileBudget, a_recording_has_so_many_and_no_more) {
  FileBudget budget;
  EXPECT_EQ(files_within(budget, zero, 1h), FileBudget::kMost);
  EXPECT_TRUE(budget.exhausted());
  EXPECT_FALSE(budget.take(zero + 2h));
}

}  // namespace
}  // namespace partyline::gateway
