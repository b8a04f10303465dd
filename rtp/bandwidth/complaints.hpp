// Complaints: keyframe requests as the first word of a path that has become too narrow. Who knows no NACK and reports
// each 5 s only asks for a keyframe as soon as he misses something, and again while those that come are broken, too:
//
//   keyframe sent       k     k     k
//   asked for        a     a     a     a        a series of four: what is sent does not come through
//   asked for        a                          one loss, mended by the next keyframe
//
// One that asks again before a keyframe has been sent says nothing new: whose picture it is may be slow to make one.
// Thread: owner's.
#pragma once

#include <optional>

#include "core/time.hpp"

namespace partyline::rtp {

class Complaints {
 public:
  void on_keyframe_sent() { answered_ = true; }
  /// How many there are now in the series.
  int on_request(core::TimePoint now) {
    if (last_ && now - *last_ > kTogether) length_ = 0;
    if (length_ > 0 && !answered_) return length_;
    if (length_ > 0 && now - *last_ < kApart) return length_;  // the same loss
    if (length_++ == 0) began_ = now;
    last_ = now;
    answered_ = false;
    return length_;
  }
  /// When the series began, if it goes on.
  std::optional<core::TimePoint> since(core::TimePoint now) const {
    if (length_ == 0 || now - *last_ > kTogether) return std::nullopt;
    return began_;
  }

 private:
  static constexpr core::Duration kTogether = std::chrono::milliseconds(1500), kApart = std::chrono::milliseconds(250);
  std::optional<core::TimePoint> last_;
  core::TimePoint began_{};
  int length_ = 0;
  bool answered_ = false;
};

}  // namespace partyline::rtp
