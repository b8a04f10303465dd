// The time stamps of one connection of a live output: microseconds since its first picture, the same zero for both
// kinds, so that the distance between sound and picture is the one of the mixer's clock.
//
// Video is stamped with its capture time. Audio counts samples (rtp_time) from its first frame's capture,
// because the tick's 20 ms grid would make 1024-sample frames jitter; where both part by more than `largest_drift` (the
// encoder began anew; a sender's clock is not ours) the capture time wins. Each stamp is at least 1 ms after the one
// before it, since FLV counts in milliseconds and muxers refuse equal ones. Thread: owner's; pure.
#pragma once

#include <cstdint>
#include <optional>

#include "core/frame.hpp"
#include "core/time.hpp"

namespace partyline::gateway {

class OutputTimeline {
 public:
  explicit OutputTimeline(core::TimePoint zero, core::Duration largest_drift = std::chrono::milliseconds(150))
      : zero_(zero), largest_drift_(largest_drift) {}

  /// Nothing for a frame from before the beginning.
  std::optional<int64_t> stamp(const core::EncodedFrame& frame);

 private:
  int64_t since_zero(core::TimePoint time) const;
  int64_t audio_time(const core::EncodedFrame& frame);

  core::TimePoint zero_;
  core::Duration largest_drift_;
  std::optional<int64_t> last_audio_, last_video_;
  int64_t audio_base_ = 0;            // microseconds at …
  std::optional<int64_t> audio_rtp_;  // … this rtp_time
};

}  // namespace partyline::gateway
