#include "mixer/audio/activity.hpp"

#include <algorithm>
#include <bit>

namespace partyline::mixer {
namespace {
constexpr double kLowestFloor = -90;
constexpr double kHighestGate = -45;  // dBov
constexpr double kLowestGate = -68;   // dBov: A-law's zero is a constant of -72
constexpr double kGateOverFloor = 6;  // dB
constexpr double kTalkOverGate = 3;   // dB
constexpr double kLowestTalk = -50;   // dBov
constexpr int kHoldTicks = 50;        // 1 s
constexpr int kQuietTicks = 30;       // 600 ms
constexpr uint64_t kLastFive = 31, kLastSecond = (uint64_t{1} << 50) - 1;
constexpr double kFloorRise = 0.02;  // dB a tick: 1 dB/s
}  // namespace

double Activity::gate() const {
  return std::clamp(floor_ + kGateOverFloor, kLowestGate, kHighestGate);
}

void Activity::update(double level_dbov) {
  const double level = std::max(level_dbov, kLowestFloor);
  floor_ = level < floor_ ? level * 0.3 + floor_ * 0.7 : std::min(level, floor_ + kFloorRise);
  const double gate = this->gate();
  if (level > gate) {
    hold_ = kHoldTicks;
  } else if (hold_ > 0) {
    --hold_;
  }
  const bool loud = level > std::max(gate + kTalkOverGate, kLowestTalk);
  loud_ = (loud_ << 1) | (loud ? 1U : 0U);
  quiet_ = loud ? 0 : quiet_ + 1;
  if (speech_ == Speech::none && std::popcount(loud_ & kLastFive) >= 3) speech_ = Speech::begun;
  if (speech_ == Speech::begun && std::popcount(loud_ & kLastSecond) >= 25) speech_ = Speech::lasting;
  if (quiet_ >= kQuietTicks) {
    speech_ = Speech::none;
    loud_ = 0;
  }
}

}  // namespace partyline::mixer
