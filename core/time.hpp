// The media clock: one monotonic clock for everything that is timed. Logic never reads it: `now` is always a parameter.
#pragma once

#include <chrono>
#include <cstdint>

namespace partyline::core {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;
using namespace std::chrono_literals;

/// A rate in bits per second.
struct Bitrate {
  int64_t bits_per_second = 0;
  auto operator<=>(const Bitrate&) const = default;
  static constexpr Bitrate kbps(int64_t value) { return {value * 1000}; }
};

inline int64_t to_ms(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

}  // namespace partyline::core
