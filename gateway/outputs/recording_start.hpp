// RecordingStart: what the file of a leg begins with. A container names its codecs before the first frame, and what a
// leg sends is known only when it comes: so the first sound and the first keyframe are waited for, two seconds from the
// first frame on, longer while pictures come that are of no use without a keyframe. What came meanwhile is kept.
//
// Thread: owner's; pure.
#pragma once

#include <optional>
#include <vector>

#include "core/frame.hpp"
#include "gateway/outputs/muxer_tracks.hpp"

namespace partyline::gateway {

struct StreamStart {
  MuxerTracks tracks;
  std::vector<core::EncodedFrame> frames;  ///< in the order in which they are written
  /// The earliest capture of them.
  core::TimePoint zero() const;
};

class RecordingStart {
 public:
  static constexpr core::Duration patience = std::chrono::seconds(2);

  /// `keyframe_patience`: from the first frame on, while pictures come.
  explicit RecordingStart(core::Duration keyframe_patience) : keyframe_patience_(keyframe_patience) {}

  /// Sound in order; pictures from a keyframe on. False: the frame belongs to another file, since its codec is not the
  /// one of this file's beginning, or (a keyframe) does not say its size.
  bool add(const core::EncodedFrame& frame, core::TimePoint now);
  /// `picture_awaited`: pictures come, but no keyframe yet.
  bool complete(core::TimePoint now, bool picture_awaited) const;
  bool empty() const { return start_.frames.empty(); }
  StreamStart take() { return std::move(start_); }

 private:
  const core::Duration keyframe_patience_;
  StreamStart start_;
  std::optional<core::TimePoint> first_;
};

}  // namespace partyline::gateway
