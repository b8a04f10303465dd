// Two small clocks about keyframes, both pure: when an encoder should make one, and when to ask a source for one.
//
// Thread: owner's.
#pragma once

#include <algorithm>
#include <array>

#include "core/time.hpp"

namespace partyline::mixer {

/// The encoder's side. Requests are merged to one keyframe per 500 ms and none is lost: one that comes too early waits.
/// All keyframes of an encoder come from here, the periodic ones too.
///
///   request  request   request        request
///      ▼        ▼         ▼              ▼
///      IDR      ├─ 500 ms ┴▶ IDR         IDR
class KeyframeGate {
 public:
  /// Half a second, and ten milliseconds less: fifteen frames at 30 a second fall just short of it.
  static constexpr core::Duration kSpacing = std::chrono::milliseconds(490);
  explicit KeyframeGate(core::Duration period) : period_(period) {}
  void request() { pending_ = true; }
  bool pending() const { return pending_; }
  /// take() would be true.
  bool due(core::TimePoint now) const {
    return !any_ || (now - last_ >= kSpacing && (pending_ || now - last_ >= period_));
  }
  /// True: make one now; every request made before is answered by it.
  bool take(core::TimePoint now) {
    if (!due(now)) return false;
    pending_ = false;
    any_ = true;
    last_ = now;
    return true;
  }
  /// The encoder failed to make it.
  void retry() {
    pending_ = true;
    any_ = false;
  }

 private:
  core::Duration period_;
  bool pending_ = true;  // a new encoder starts with one
  bool any_ = false;
  core::TimePoint last_{};
};

/// The decoder's side: asks at once, then again after 0.5, 1, 2, 2 … s until a keyframe was decoded.
class KeyframeSeeker {
 public:
  static constexpr std::array<core::Duration, 3> kBackOff{std::chrono::milliseconds(500), std::chrono::seconds(1),
                                                          std::chrono::seconds(2)};
  /// Losses come in bursts, and each would ask anew.
  static constexpr core::Duration kMinSpacing = std::chrono::milliseconds(200);

  void start(core::TimePoint now) {
    if (active_) return;
    active_ = true;
    attempt_ = 0;
    due_ = asked_ ? std::max(now, last_ + kMinSpacing) : now;
  }
  void on_keyframe_decoded() { active_ = false; }
  /// True when a request should go out now.
  bool poll(core::TimePoint now) {
    if (!active_ || now < due_) return false;
    asked_ = true;
    last_ = now;
    due_ = now + kBackOff[std::min<size_t>(attempt_, kBackOff.size() - 1)];
    ++attempt_;
    return true;
  }

 private:
  bool active_ = false, asked_ = false;
  size_t attempt_ = 0;
  core::TimePoint due_{}, last_{};
};

}  // namespace partyline::mixer
