// One video output's choice between the mix and the encoded pictures of a single source, which its receiver can take as
// they are. Pure. The receiver never sees a gap: each side goes on until the other has come with a keyframe.
//
//            aim           keyframe of the source that fits
//   mixed ────────▶ arming ─────────────────────────────────▶ passing
//     ▲  ◀── release ─┘                                          │ release
//     └──────────────────── keyframe of the mix ──────────── leaving ── aim ─▶ passing
//
// Thread: owner's. Deliberately not here: whose pictures may be passed to whom (VideoCore::sole_picture), decoding.
#pragma once

#include <cstdint>
#include <optional>

#include "core/frame.hpp"
#include "core/time.hpp"
#include "mixer/room_mixer.hpp"
#include "mixer/splice.hpp"
#include "mixer/video/keyframes.hpp"

namespace partyline::mixer {

/// Whether a receiver that takes `rendition` and `limits` can decode this picture and those after it. Of a keyframe:
/// H.264 profile and level by its parameter sets, VP8 size.
bool can_take(const core::EncodedFrame& keyframe, const VideoRendition& rendition, const PassLimits& limits);
/// Whether it fits into the receiver's packets (H.264 packetization-mode 0 has no fragments).
bool fits_packets(const core::EncodedFrame& frame, int max_nal_bytes);

class VideoPass {
 public:
  enum class State : uint8_t { mixed, arming, passing, leaving };

  VideoPass(const VideoRendition& rendition, const PassLimits& limits) : rendition_(rendition), limits_(limits) {}
  State state() const { return state_; }
  /// The receiver has become another one: what it was sent may be too much for it.
  void set_limits(const PassLimits& limits, core::TimePoint now);
  /// Pictures of a source shall be passed as soon as one stands alone.
  void aim(core::TimePoint now);
  /// The mix shall come back. `at_once`: nothing of the source may be shown any more.
  void release(bool at_once);
  /// A picture of the mix, of the source. True: send it; its RTP time has been put in line.
  bool take_mixed(core::EncodedFrame& frame);
  bool take_passed(core::EncodedFrame& frame, core::TimePoint now);
  /// The receiver lost something.
  void request_keyframe(core::TimePoint now);
  /// True: ask the source for a keyframe now.
  bool poll(core::TimePoint now) { return (state_ == State::arming || state_ == State::passing) && seeker_.poll(now); }
  /// The source sends what this receiver cannot take: a format, a size, too many bits. Not to be aimed at until then.
  std::optional<core::TimePoint> barred_until() const { return barred_until_; }

 private:
  void meter(const core::EncodedFrame& frame, core::TimePoint now);
  void bar(core::TimePoint now, core::Duration duration);

  const VideoRendition rendition_;
  PassLimits limits_;
  State state_ = State::mixed;
  Splice splice_;
  KeyframeSeeker seeker_;
  bool broken_ = false;  // passing: what comes cannot be decoded until a keyframe
  bool cut_ = false;     // leaving: nothing of the source any more
  std::optional<core::TimePoint> barred_until_;
  core::TimePoint window_{};  // of the meter
  int64_t window_bits_ = 0;
};

}  // namespace partyline::mixer
