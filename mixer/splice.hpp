// Keeps one receiver's RTP time going while its frames come now from one source, now from another: the first frame
// after a change takes the place that its capture time has in the line so far, at least a frame behind the last one.
// The capture times stay true, so that sender reports, which follow them slowly (rtp/send_stream.hpp), keep audio and
// video together. Pure. Thread: owner's.
#pragma once

#include <algorithm>
#include <optional>

#include "core/frame.hpp"

namespace partyline::mixer {

class Splice {
 public:
  /// The next frame is of another source, or of one that counts anew.
  void change() { changed_ = true; }
  /// The frame's RTP time for the receiver. `least`: what a frame takes at least, in units of its clock.
  int64_t next(const core::EncodedFrame& frame, int64_t least) {
    const int64_t rate = core::clock_rate_of(frame.codec);
    if (changed_ && last_) {
      const int64_t passed =
          std::chrono::duration_cast<std::chrono::microseconds>(frame.capture - last_->capture).count() * rate /
          1'000'000;
      // A capture time that is far off is a clock that has been set, not a pause.
      const bool sane = passed > -rate && passed < 10 * rate;
      offset_ = last_->time + std::max(sane ? passed : least, least) - frame.rtp_time;
    }
    changed_ = false;
    last_ = Last{frame.capture, frame.rtp_time + offset_};
    return last_->time;
  }

 private:
  struct Last {
    core::TimePoint capture;
    int64_t time = 0;
  };
  std::optional<Last> last_;
  int64_t offset_ = 0;
  bool changed_ = false;
};

}  // namespace partyline::mixer
