// When a moving picture stood still: an interval between two pictures longer than both three times the usual one and
// the usual one plus 150 ms (as WebRTC's statistics have it: W3C webrtc-stats, freezeCount). Thread: owner's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "core/time.hpp"

namespace partyline::mixer {

class FreezeMeter {
 public:
  void on_picture(core::TimePoint now) {
    if (last_) {
      const double ms = std::chrono::duration<double, std::milli>(now - *last_).count();
      if (pictures_ >= kLearning && ms > std::max(3 * usual_ms_, usual_ms_ + 150)) {
        ++freezes_;
        frozen_ms_ += ms - usual_ms_;
      }
      // Slower for good is a new pace and no freeze; one long stop is not the pace.
      const double step = std::min(ms, kSlowestMs);
      usual_ms_ = pictures_ == 0 ? step : usual_ms_ + (step - usual_ms_) / kMemory;
      ++pictures_;
    }
    last_ = now;
  }
  /// It was not shown, not sent, or is about to begin anew: what was before is no measure.
  void restart() {
    last_.reset();
    pictures_ = 0;
  }
  uint64_t freezes() const { return freezes_; }
  uint64_t frozen_ms() const { return static_cast<uint64_t>(frozen_ms_); }

 private:
  static constexpr int kLearning = 5;
  static constexpr double kMemory = 30, kSlowestMs = 1000;
  std::optional<core::TimePoint> last_;
  double usual_ms_ = 0, frozen_ms_ = 0;
  uint64_t freezes_ = 0;
  int pictures_ = 0;
};

}  // namespace partyline::mixer
