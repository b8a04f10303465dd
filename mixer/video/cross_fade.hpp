// From the picture before a change of layout to the one after it, within a few frames. Between changes it holds no
// memory and does nothing.
//
// Thread: the room's strand.
#pragma once

#include "core/time.hpp"
#include "mixer/codec/video_picture.hpp"

namespace partyline::mixer {

class CrossFade {
 public:
  /// `length` 0: changes are cuts.
  explicit CrossFade(core::Duration length) : length_(length) {}

  /// The layout changes now; `canvas` is still the picture before. Called while a fade is going on, it starts again
  /// from what is shown.
  void start(const I420Image& canvas, core::TimePoint now);
  void stop() { before_ = shown_ = {}; }
  /// Mixes the frame of `now`, `canvas` being the picture after the change. True if what is shown is not what it was
  /// for any reason of ours: also once when the fade is over.
  bool advance(const I420Image& canvas, core::TimePoint now);
  bool active() const { return shown_.size().width > 0; }
  /// While active.
  const I420Image& shown() const { return shown_; }

 private:
  core::Duration length_;
  core::TimePoint started_{};
  I420Image before_, shown_;
};

}  // namespace partyline::mixer
