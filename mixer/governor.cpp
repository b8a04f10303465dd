#include "mixer/governor.hpp"

#include <algorithm>
#include <functional>
#include <vector>

namespace partyline::mixer {
namespace {

constexpr double kFull = 0.92, kClosed = 0.85, kOpen = 0.70, kCalm = 0.60;
constexpr double kLeftOut = 0.05;  // more than one picture in twenty
constexpr double kCalmLeftOut = 0.01;
constexpr core::Duration kLate = std::chrono::milliseconds(60);  // two pictures' time
constexpr core::Duration kSettling = std::chrono::seconds(2);
constexpr core::Duration kTooEarly = std::chrono::seconds(20);

}  // namespace

std::set<std::string> biggest_rooms(std::span<const RoomCost> costs) {
  std::vector<RoomCost> by_cost(costs.begin(), costs.end());
  std::ranges::stable_sort(by_cost, std::greater<>(), &RoomCost::threads);
  double all = 0, covered = 0;
  for (const RoomCost& room : by_cost) all += room.threads;
  std::set<std::string> biggest;
  for (const RoomCost& room : by_cost) {
    if (covered * 2 >= all) break;
    biggest.insert(room.name);
    covered += room.threads;
  }
  return biggest;
}

bool Governor::admits_rooms(double set_aside) const {
  return admits_ && busy_ + set_aside < kClosed;
}

bool Governor::overloaded(const LoadSample& sample) const {
  return sample.busy >= kFull || sample.left_out >= kLeftOut || sample.latest >= kLate;
}

int Governor::update(const LoadSample& sample, core::TimePoint now) {
  busy_ += kWeight * (sample.busy - busy_);
  const bool bad = overloaded(sample);
  bad_periods_ = bad ? bad_periods_ + 1 : 0;
  if (bad || sample.left_out >= kCalmLeftOut || busy_ >= kCalm || calm_since_ == core::TimePoint{}) calm_since_ = now;
  int change = 0;
  // Once is an accident (a machine that was held for a second leaves out a lot), twice is a load.
  if (bad_periods_ >= 2) {
    change = cut(now);
  } else if (now - calm_since_ >= patience_) {
    change = restore(now);
  }
  if (cuts_ > 0 || busy_ >= kClosed || bad_periods_ >= 2) {
    admits_ = false;
  } else if (busy_ < kOpen) {
    admits_ = true;
  }
  return change;
}

int Governor::cut(core::TimePoint now) {
  if (cuts_ == kMostCuts || now < settled_) return 0;
  if (restored_ != core::TimePoint{} && now - restored_ < kTooEarly) {
    patience_ = std::min(patience_ * 2, kMostPatience);
    restored_ = {};
  }
  ++cuts_;
  bad_periods_ = 0;
  settled_ = now + kSettling;
  return 1;
}

int Governor::restore(core::TimePoint now) {
  if (cuts_ == 0) {
    patience_ = kLeastPatience;
    return 0;
  }
  --cuts_;
  restored_ = now;
  calm_since_ = now;
  return -1;
}

Economy Governor::economy(int cuts, bool biggest) {
  Economy economy;
  economy.least_effort = cuts >= 1;
  if (cuts >= (biggest ? 2 : 3)) economy.rate_divisor = 2;
  if (cuts >= 4) economy.size_sixths = 4;
  if (cuts >= 5) economy.size_sixths = 3;
  return economy;
}

std::string_view Governor::words(int cut) {
  static constexpr std::array<std::string_view, kMostCuts> kWords{
      "encoders take their fastest preset", "the biggest rooms have half their frame rate",
      "all rooms have half their frame rate", "pictures have two thirds of their size",
      "pictures have half their size"};
  return cut >= 1 && cut <= kMostCuts ? kWords[static_cast<size_t>(cut - 1)] : std::string_view{};
}

}  // namespace partyline::mixer
