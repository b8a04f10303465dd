// Decoded pictures that wait for their sound. A tick takes the newest that is due and forgets the older ones.
//
// When more pictures wait than fit (a long audio delay, a fast source), the one whose absence shows least is dropped:
// the frame rate sinks, the lips stay with the voice.
//
// Thread: owner's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "core/time.hpp"
#include "mixer/codec/video_picture.hpp"

namespace partyline::mixer {

class PictureQueue {
 public:
  static constexpr size_t kCapacity = 8;
  static constexpr core::Duration kMaxDelay = std::chrono::seconds(1);

  void set_delay(core::Duration delay);
  /// `now`: nothing was captured later than it was decoded; a clock that says so is wrong.
  void push(Picture picture, core::TimePoint now);
  /// The newest picture with capture + delay <= now + half_frame.
  std::optional<Picture> take_due(core::TimePoint now, core::Duration half_frame);
  void clear() { waiting_.clear(); }
  size_t size() const { return waiting_.size(); }
  uint64_t dropped() const { return dropped_; }

 private:
  std::deque<Picture> waiting_;
  core::Duration delay_{};
  uint64_t dropped_ = 0;
};

}  // namespace partyline::mixer
