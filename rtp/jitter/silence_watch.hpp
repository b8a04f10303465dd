// SilenceWatch: asks for a keyframe while nothing comes, so that the answer to the first request that gets through is
// under way before the first packet has told that the black-out is over:
//
//   pictures  ▏▏▏▏▏▏▏▏▏┊    black-out      ┊▏▏▏▏ K
//   requests           ┊   500 ms, ▾▾▾▾▾▾▾▾┊▾            each 50 ms up to 3 s
//
// Only where pictures came regularly, and everything else that the peer sends has ceased as well: who switches his
// camera off or shows a picture that stands still is not asked. That costs a keyframe each half second where only the
// way to us is dead, which is the rarer case.
// Pure logic. Thread: the session's.
#pragma once

#include <algorithm>
#include <optional>

#include "core/time.hpp"

namespace partyline::rtp {

class SilenceWatch {
 public:
  /// As long as what is lost together is a black-out.
  static constexpr core::Duration kSilence = std::chrono::milliseconds(500);
  static constexpr core::Duration kApart = std::chrono::milliseconds(50), kLongest = std::chrono::seconds(3);

  /// A packet of a picture.
  void on_video(core::TimePoint now) {
    if (!last_ || now - *last_ > kRegular) since_ = now;
    last_ = now;
  }
  /// When to ask, if nothing comes until then; `heard`: when the peer last sent anything.
  std::optional<core::TimePoint> due(core::TimePoint heard) const {
    if (!last_ || *last_ - since_ < kLongEnough || heard - *last_ > kRegular) return std::nullopt;
    const core::TimePoint next = std::max(heard + kSilence, asked_ + kApart);
    if (next - heard > kLongest) return std::nullopt;
    return next;
  }
  bool asked_since(core::TimePoint when) const { return asked_ > when; }
  enum class Request { none, first, again };
  Request take(core::TimePoint heard, core::TimePoint now) {
    const auto when = due(heard);
    if (!when || now < *when) return Request::none;
    const bool first = asked_ < heard;
    asked_ = now;
    return first ? Request::first : Request::again;
  }

 private:
  static constexpr core::Duration kRegular = std::chrono::milliseconds(150), kLongEnough = std::chrono::seconds(1);
  std::optional<core::TimePoint> last_;
  core::TimePoint since_{};  ///< no longer pause than kRegular since
  core::TimePoint asked_{};
};

}  // namespace partyline::rtp
