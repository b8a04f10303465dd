#include "gateway/outputs/recording_start.hpp"

#include <algorithm>

namespace partyline::gateway {

core::TimePoint StreamStart::zero() const {
  core::TimePoint earliest = core::TimePoint::max();
  for (const core::EncodedFrame& frame : frames) earliest = std::min(earliest, frame.capture);
  return earliest;
}

bool RecordingStart::add(const core::EncodedFrame& frame, core::TimePoint now) {
  MuxerTracks& tracks = start_.tracks;
  if (core::kind_of(frame.codec) == core::MediaKind::audio) {
    if (tracks.audio.value_or(frame.codec) != frame.codec) return false;
    tracks.audio = frame.codec;
  } else {
    if (!tracks.video) tracks.video = shape_of(frame);
    if (!tracks.video || tracks.video->codec != frame.codec) return false;
  }
  if (!first_) first_ = now;
  start_.frames.push_back(frame);
  return true;
}

bool RecordingStart::complete(core::TimePoint now, bool picture_awaited) const {
  if (!first_) return false;
  if (start_.tracks.audio && start_.tracks.video) return true;
  return now - *first_ >= (picture_awaited && !start_.tracks.video ? keyframe_patience_ : patience);
}

}  // namespace partyline::gateway
