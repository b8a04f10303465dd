#include "mixer/video/shrink.hpp"

#include <gtest/gtest.h>
#include <libyuv.h>

#include <cmath>
#include <cstdlib>
#include <random>
#include <vector>

namespace partyline::mixer {
namespace {

std::vector<uint8_t> some_plane(core::VideoSize size, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<uint8_t> plane(static_cast<size_t>(size.width) * static_cast<size_t>(size.height));
  for (uint8_t& value : plane) value = static_cast<uint8_t>(random());
  return plane;
}

struct Sizes {
  core::VideoSize from, to;
};

TEST(Shrink, MakesOfAnyPlaneWhatLibyuvMakesOfIt) {
  for (const auto& [from, to] :
       {Sizes{{640, 360}, {426, 240}}, Sizes{{320, 180}, {213, 120}}, Sizes{{1280, 720}, {640 + 2, 362}},
        Sizes{{17, 5}, {16, 5}}, Sizes{{9, 7}, {5, 4}}, Sizes{{1921, 1081}, {1279, 719}}, Sizes{{3, 2}, {2, 1}},
        Sizes{{1280, 400}, {700, 399}}}) {
    const auto plane = some_plane(from, static_cast<unsigned>(from.width));
    const int stride = to.width + 3;
    std::vector<uint8_t> ours(static_cast<size_t>(stride * to.height), 7), theirs = ours;
    if (!shrink({plane.data(), from.width, from}, ours.data(), stride, to))
      GTEST_SKIP() << "no SSSE3 in this processor: libyuv scales instead";
    libyuv::ScalePlane(plane.data(), from.width, from.width, from.height, theirs.data(), stride, to.width, to.height,
                       libyuv::kFilterBilinear);
    int worst = 0;
    for (size_t i = 0; i < ours.size(); ++i) worst = std::max(worst, std::abs(ours[i] - theirs[i]));
    // A 128th of the largest step, twice rounded; behind a row the bytes are as they were.
    EXPECT_LE(worst, 3) << from.width << "x" << from.height << " to " << to.width << "x" << to.height;
  }
}

TEST(Shrink, LeavesTheRestToOthers) {
  const core::VideoSize from{64, 48};
  const auto plane = some_plane(from, 1);
  std::vector<uint8_t> out(128 * 96, 9);
  for (const core::VideoSize to :
       {core::VideoSize{64, 40}, {65, 40}, {32, 40}, {20, 40}, {60, 49}, {60, 23}, {60, 0}}) {
    EXPECT_FALSE(shrink({plane.data(), from.width, from}, out.data(), 128, to)) << to.width << "x" << to.height;
  }
  EXPECT_EQ(std::count(out.begin(), out.end(), 9), static_cast<std::ptrdiff_t>(out.size()));
}

}  // namespace
}  // namespace partyline::mixer
