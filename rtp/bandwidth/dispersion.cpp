#include "rtp/bandwidth/dispersion.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace partyline::rtp {
namespace {

constexpr double kUnitsPerMs = 90, kGain = 1.0 / 16, kLongestWaitMs = 500;
constexpr size_t kBelowRtp = 28;  // bytes: IP and UDP

}  // namespace

void Dispersion::on_sent(RtpTime32 time, size_t bytes, core::TimePoint now) {
  if (!began_) began_ = now;
  const double now_ms = std::chrono::duration<double, std::milli>(now - *began_).count();
  double rate = kSlowest;
  for (Line& line : lines_) {
    const double takes_ms = static_cast<double>((bytes + kBelowRtp) * 8) / rate * 1000;
    rate *= std::numbers::sqrt2;
    if (line.free_ms - now_ms > kLongestWaitMs) continue;  // full: lost there
    line.free_ms = std::max(line.free_ms, now_ms) + takes_ms;
    if (line.any) {
      const auto units = static_cast<int32_t>(time.value - line.time.value);
      const double apart = std::abs(line.free_ms - line.arrived_ms - units / kUnitsPerMs);
      line.jitter_ms += (apart - line.jitter_ms) * kGain;
    }
    line.any = true;
    line.arrived_ms = line.free_ms;
    line.time = time;
  }
}

double Dispersion::jitter_at(double rate) const {
  const double place = std::clamp(2 * std::log2(rate / kSlowest), 0.0, static_cast<double>(kLines - 1));
  const auto below = std::min(static_cast<size_t>(place), kLines - 2);
  const double share = place - static_cast<double>(below);
  return lines_[below].jitter_ms * (1 - share) + lines_[below + 1].jitter_ms * share;
}

double Dispersion::rate_of(double jitter_ms) const {
  for (size_t i = kLines; i-- > 0;) {
    const double here = lines_[i].jitter_ms;
    if (here < jitter_ms) continue;
    double place = static_cast<double>(i);
    if (i + 1 < kLines && here > lines_[i + 1].jitter_ms)
      place += std::clamp((here - jitter_ms) / (here - lines_[i + 1].jitter_ms), 0.0, 1.0);
    return kSlowest * std::exp2(place / 2);
  }
  return kSlowest;
}

}  // namespace partyline::rtp
