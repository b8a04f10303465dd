// FrameAssembler: video packets in sequence → whole pictures. A picture ends with the marker bit or where the timestamp
// changes; one that misses a packet is dropped, never delivered in part. Nothing is delivered before the first
// keyframe: it could not be decoded. After a loss the pictures go on, the first one flagged, and a keyframe is wished
// for.
//
// Thread: the session's.
#pragma once

#include <cstdint>
#include <vector>

#include "core/frame.hpp"
#include "rtp/jitter/reorder_buffer.hpp"
#include "rtp/payload/h264.hpp"
#include "rtp/payload/vp8.hpp"

namespace partyline::rtp {

class FrameAssembler {
 public:
  struct Picture {
    core::Codec codec = core::Codec::h264;
    core::Buffer buffer;
    int64_t rtp_time = 0;
    core::TimePoint arrival;
    bool keyframe = false, after_loss = false;
  };
  struct Drops {
    uint64_t broken = 0, before_keyframe = 0, without_parameter_sets = 0;
  };

  /// Appends the pictures that this packet completes (two at most).
  void add(const VideoPacket& packet, bool after_gap, std::vector<Picture>& out);
  /// Another source: waits for a keyframe again.
  void restart();
  /// True once after something was lost or could not be decoded.
  bool take_keyframe_wish() { return std::exchange(keyframe_wish_, false); }
  const Drops& drops() const { return drops_; }

 private:
  void begin(const VideoPacket& packet);
  void finish(std::vector<Picture>& out);
  void deliver(core::Buffer buffer, bool keyframe, std::vector<Picture>& out);
  void abandon();
  bool collect(const VideoPacket& packet);

  h264::Depacketizer h264_;
  vp8::Depacketizer vp8_;
  core::Codec codec_ = core::Codec::h264;
  bool collecting_ = false, broken_ = false;
  bool start_unsure_ = false;  ///< a gap came before: the next packet may be the middle of a picture
  bool lost_ = false;          ///< since the last delivered picture
  bool had_keyframe_ = false, keyframe_wish_ = false;
  int64_t rtp_time_ = 0;
  core::TimePoint arrival_;
  Drops drops_;
};

}  // namespace partyline::rtp
