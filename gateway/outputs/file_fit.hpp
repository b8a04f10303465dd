// Where a frame that a leg sent goes: into the file that is being written, into another one that it begins, or nowhere.
// A container names its codecs and sizes first, so what comes in another codec needs another file.
//
// Thread: any; pure.
#pragma once

#include "core/frame.hpp"
#include "gateway/outputs/file_budget.hpp"
#include "gateway/outputs/muxer_tracks.hpp"

namespace partyline::gateway {

enum class Fit { this_file, another_file, nowhere };

/// Only sound, or a keyframe that says its size, begins a file, and only as often as the budget allows.
inline Fit judge(const core::EncodedFrame& frame, const MuxerTracks& tracks, FileBudget& budget, core::TimePoint now) {
  if (tracks.has(frame.codec)) return Fit::this_file;
  const bool begins = core::kind_of(frame.codec) == core::MediaKind::audio || shape_of(frame).has_value();
  return begins && budget.take(now) ? Fit::another_file : Fit::nowhere;
}

}  // namespace partyline::gateway
