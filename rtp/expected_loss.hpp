// ExpectedLoss: how much loss to prepare what we send for, from a receiver's reports (RFC 3550 §6.4.1): smoothed, in
// three steps, up soon and down after a quarter of a minute without need, so that encoders do not flap.
//
//     0 % ──smoothed loss ≥ 2 %──▶ 10 % ──≥ 15 %──▶ 20 %
//
// Pure logic. Thread: the session's.
#pragma once

#include <algorithm>

#include "core/time.hpp"

namespace partyline::rtp {

class ExpectedLoss {
 public:
  /// `fraction`: 0…1, lost since the report before.
  void on_report(double fraction, core::TimePoint now) {
    smoothed_ += (std::clamp(fraction, 0.0, 1.0) - smoothed_) * 0.4;
    const int wanted = smoothed_ >= 0.15 ? 20 : smoothed_ >= 0.02 ? 10 : 0;
    if (wanted >= percent_) needed_ = now;
    if (wanted > percent_ || now - needed_ >= kPatience) {
      percent_ = wanted;
      needed_ = now;
    }
  }
  /// 0, 10 or 20.
  int percent() const { return percent_; }

 private:
  static constexpr core::Duration kPatience = std::chrono::seconds(15);
  double smoothed_ = 0;
  int percent_ = 0;
  core::TimePoint needed_;
};

}  // namespace partyline::rtp
