#include "mixer/admission.hpp"

#include <algorithm>
#include <cmath>

#include "mixer/governor.hpp"

namespace partyline::mixer {
namespace {

constexpr core::Duration kUnseen = std::chrono::seconds(2), kKnown = std::chrono::seconds(8);
constexpr double kMemory = 10;  // periods: five seconds

// Of a room's cost, what the smoothed figures do not have yet.
double unseen(core::Duration age) {
  if (age >= kKnown) return 0;
  const double periods = std::max(0.0, std::chrono::duration<double>(age - kUnseen) / Governor::kPeriod);
  return std::pow(1 - Governor::kWeight, periods);
}

}  // namespace

void Admission::update(std::span<const RoomCost> costs, core::TimePoint now) {
  double sum = 0;
  int count = 0;
  for (const RoomCost& cost : costs) {
    const auto begun = begun_.find(cost.name);
    if (begun == begun_.end() || now - begun->second < kKnown) continue;
    sum += cost.threads;
    ++count;
  }
  if (count > 0) expected_ += (sum / count - expected_) / kMemory;
}

double Admission::set_aside(core::TimePoint now) const {
  double rooms = 0;
  for (const auto& [name, begun] : begun_) rooms += unseen(now - begun);
  return rooms * expected_ / threads_;
}

}  // namespace partyline::mixer
