// The rate of a line told by the jitter behind it.
#include "rtp/bandwidth/dispersion.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "rtp/bandwidth/sent_log.hpp"

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;

/// Sends `bits` a second in pictures through a line of `line`; what RFC 3550's receiver computes behind it, in ms.
double jitter_behind(Dispersion& dispersion, double line, double bits, uint32_t start) {
  std::mt19937 random(7);
  double free = 0, last = 0, jitter = 0;
  uint32_t time = start;
  for (int picture = 0; picture < 300; ++picture, time += 6000) {
    const double sent_ms = picture * 6000 / 90.0;
    double left = bits / 15 / 8 * std::uniform_real_distribution<double>(0.7, 1.3)(random);
    for (bool first = true; left > 0; left -= 1200, first = false) {
      const double bytes = std::clamp(left, 100.0, 1200.0);
      const auto now = core::TimePoint(1h) + std::chrono::microseconds(static_cast<int64_t>(sent_ms * 1000));
      dispersion.on_sent({time}, static_cast<size_t>(bytes), now);
      free = std::max(free, sent_ms) + (bytes + 28) * 8000 / line;
      const double apart = free - last - (first ? 6000 / 90.0 : 0);
      if (last > 0) jitter += (std::abs(apart) - jitter) / 16;
      last = free;
    }
  }
  return jitter;
}

TEST(Dispersion, tells_the_line_that_pictures_came_through) {
  for (const double line : {400e3, 500e3, 700e3, 1e6, 3e6, 8e6}) {
    for (const uint32_t start : {0u, 0xFFFF0000u}) {
      Dispersion dispersion;
      const double jitter = jitter_behind(dispersion, line, 300e3, start);
      EXPECT_NEAR(dispersion.rate_of(jitter) / line, 1, 0.15) << line;
      EXPECT_NEAR(dispersion.jitter_at(line) / jitter, 1, 0.15) << line;
    }
  }
}

TEST(Dispersion, stays_within_its_lines) {
  Dispersion dispersion;
  EXPECT_EQ(dispersion.jitter_at(1), 0);
  EXPECT_GE(dispersion.rate_of(0), 15e6);
  jitter_behind(dispersion, 500e3, 300e3, 0);
  EXPECT_EQ(dispersion.rate_of(1e9), 125e3);
  EXPECT_GT(dispersion.jitter_at(1), 0);
  EXPECT_LT(dispersion.jitter_at(1e12), 1);
}

TEST(SentLog, knows_when_a_number_left_over_every_wrap) {
  for (const int start : {0, 32767, 65530}) {
    SentLog log;
    core::TimePoint now(1h);
    EXPECT_EQ(log.age(5, now), core::Duration{});
    for (int i = 0; i < 100; ++i, now += 20ms) {
      EXPECT_TRUE(log.add(Seq16{static_cast<uint16_t>(start + i)}, now));
      EXPECT_FALSE(log.add(Seq16{static_cast<uint16_t>(start + i)}, now)) << "again";
    }
    const int64_t last = log.unwrap(Seq16{static_cast<uint16_t>(start + 99)});
    EXPECT_EQ(log.age(last, now), 20ms);
    EXPECT_EQ(log.age(last - 50, now), 1020ms);
    EXPECT_EQ(log.age(last + 1, now), core::Duration{}) << "has not left";
    EXPECT_EQ(log.age(last - 100, now), std::nullopt) << "before the first";
  }
}

TEST(SentLog, forgets_what_is_too_long_ago) {
  SentLog log;
  core::TimePoint now(1h);
  for (int i = 0; i < 3000; ++i, now += 10ms) log.add(Seq16{static_cast<uint16_t>(i)}, now);
  EXPECT_EQ(log.age(2999, now), 10ms);
  EXPECT_EQ(log.age(100, now), std::nullopt);
}

}  // namespace
}  // namespace partyline::rtp
