// QueueMeter: how long packets wait on the path, as the distance of their one-way delay to its least of the last 10 to
// 20 s. The two clocks differ by a constant that thereby falls out; a longer way or a drift of the clocks is forgiven
// after a while. Thread: owner's.
#pragma once

#include <algorithm>
#include <optional>

#include "core/time.hpp"
#include "rtp/bandwidth/trendline.hpp"

namespace partyline::rtp {

class QueueMeter {
 public:
  static constexpr double kNone = 30;  ///< ms: what any pacing and jitter makes
  static constexpr double kLong = 60;

  /// The least `delay_ms` (arrival − sending) of some 50 to 100 ms.
  void update(double delay_ms, core::TimePoint now) {
    if (!least_now_ || now - since_ > std::chrono::seconds(10)) {
      least_before_ = least_now_;
      least_now_ = delay_ms;
      since_ = now;
    }
    least_now_ = std::min(*least_now_, delay_ms);
    const double queue = delay_ms - std::min(*least_now_, least_before_.value_or(*least_now_));
    constexpr double kRising = 10;
    rising_ = queue > kLong && queue > queue_ms_ + kRising ? rising_ + 1 : 0;
    queue_ms_ = queue;
  }
  double ms() const { return queue_ms_; }
  /// What `trend` says in the light of it: a long queue that grows twice in a row needs no trend, and a slope without a
  /// queue is larger pictures, not congestion.
  LinkUse judge(LinkUse trend) const {
    if (rising_ >= 2) return LinkUse::over;
    return trend == LinkUse::over && queue_ms_ < kNone / 2 ? LinkUse::normal : trend;
  }
  /// 0.3 … 1: of the rate, so that the queue empties in about a second whatever filled it.
  double share() const {
    constexpr double kDrain = 600, kLeast = 0.3;
    return std::clamp(1 - (queue_ms_ - kNone) / kDrain, kLeast, 1.0);
  }

 private:
  std::optional<double> least_now_, least_before_;
  core::TimePoint since_{};
  double queue_ms_ = 0;
  int rising_ = 0;
};

}  // namespace partyline::rtp
