// When to ask for a keyframe: at once, then 500 ms, 1 s, 2 s, 4 s, 4 s … after each other until one arrives; never two
// within 300 ms, so that a bad line does not ask for more than it can carry. A wish is never lost.
// Thread: the session's.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "core/time.hpp"

namespace partyline::rtp {

class KeyframeRequester {
 public:
  void want(core::TimePoint now) {
    if (due_) return;
    interval_ = std::chrono::milliseconds(500);
    due_ = sent_ ? std::max(now, *sent_ + std::chrono::milliseconds(300)) : now;
  }
  void on_keyframe() { due_.reset(); }
  /// One came but was not whole: the peer does listen, so that waiting longer and longer would be wrong.
  void on_broken_keyframe(core::TimePoint now) {
    interval_ = std::chrono::milliseconds(500);
    if (due_ && sent_) due_ = std::min(*due_, std::max(now, *sent_ + std::chrono::milliseconds(300)));
  }
  bool wanted() const { return due_.has_value(); }
  std::optional<core::TimePoint> due() const { return due_; }
  /// True when a request is to be sent now; it counts as sent.
  bool take(core::TimePoint now) {
    if (!due_ || now < *due_) return false;
    sent_ = now;
    due_ = now + interval_;
    interval_ = std::min<core::Duration>(interval_ * 2, std::chrono::seconds(4));
    return true;
  }

 private:
  std::optional<core::TimePoint> due_, sent_;
  core::Duration interval_ = std::chrono::milliseconds(500);
};

}  // namespace partyline::rtp
