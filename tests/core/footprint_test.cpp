#include "core/footprint.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace partyline::core {
namespace {

struct alignas(kCacheLine) Lines {
  std::array<char, 100 * kCacheLine> bytes{};
  const char* line(size_t i) const { return &bytes[i * kCacheLine]; }
};

/// The lines that it fetches, by number.
template <size_t kMostRuns>
std::vector<size_t> fetched(const FootprintOf<kMostRuns>& footprint, const Lines& lines) {
  std::vector<size_t> numbers;
  for (const uintptr_t run : footprint.runs()) {
    const size_t first = (run - reinterpret_cast<uintptr_t>(lines.line(0))) / kCacheLine;
    for (size_t more = 0; more <= run % kCacheLine; ++more) numbers.push_back(first + more);
  }
  return numbers;
}

TEST(Footprint, has_every_line_that_is_touched_and_each_once) {
  const Lines lines;
  Footprint footprint;
  footprint.add(lines.line(3) + 60, 8);  // its end is in the next one
  footprint.add(lines.line(4) + 8, 4);
  footprint.add(lines.line(7), 64);
  EXPECT_EQ(fetched(footprint, lines), (std::vector<size_t>{3, 4, 7}));
  footprint.add_between(lines.line(5), lines.line(6) + 1);
  footprint.add(lines.line(7) + 1, 1);
  EXPECT_EQ(fetched(footprint, lines), (std::vector<size_t>{3, 4, 5, 6, 7}));
  footprint.fetch();  // harmless
}

TEST(Footprint, a_long_thing_is_as_many_runs_as_it_takes) {
  const Lines lines;
  Footprint footprint;
  footprint.add(lines);
  std::vector<size_t> all(100);
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  EXPECT_EQ(fetched(footprint, lines), all);
  EXPECT_EQ(footprint.runs().size(), 2u);  // of 64 lines and of the rest
}

TEST(Footprint, what_does_not_fit_in_is_left_out) {
  const Lines lines;
  Footprint footprint;
  for (size_t i = 0; i < 3; ++i) footprint.add(lines.line(2 * i), 1);
  const FootprintOf<2> smaller(footprint);
  EXPECT_EQ(fetched(smaller, lines), (std::vector<size_t>{0, 2}));
  FootprintOf<2> full = smaller;
  full.add(lines.line(9), 1);
  full.add(lines.line(3), 1);  // goes on where a run ends
  EXPECT_EQ(fetched(full, lines), (std::vector<size_t>{0, 2, 3}));
}

}  // namespace
}  // namespace partyline::core
