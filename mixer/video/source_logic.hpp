// What to do with one member's encoded pictures: which go to the decoder, which are dropped, when to ask for a
// keyframe. Pure; VideoSource runs the decoder.
//
//   not wanted: the frames since the last keyframe are kept (bounded), so that a tile that appears has a picture at
//               once when its source sends keyframes often (OBS) or has just begun
//   wanted:     queue ─▶ decoder; on loss, error, overflow: drop to the next keyframe, and ask for it
//
// Thread: owner's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "core/frame.hpp"
#include "core/time.hpp"
#include "mixer/video/keyframes.hpp"

namespace partyline::mixer {

class SourceLogic {
 public:
  static constexpr size_t kMaxFrames = 64;
  static constexpr size_t kMaxBytes = size_t{4} << 20;
  static constexpr size_t kMaxIdleBytes = size_t{1} << 20;

  struct Drops {
    uint64_t no_keyframe = 0;  ///< undecodable: came before a keyframe, or after loss
    uint64_t overflow = 0;     ///< the decoder was too slow
    uint64_t idle = 0;         ///< not shown, and too many to keep
    uint64_t total() const { return no_keyframe + overflow + idle; }
  };
  struct Work {
    core::EncodedFrame frame;
    bool restart = false;  ///< forget what was decoded before
  };

  void push(const core::EncodedFrame& frame, core::TimePoint now);
  void set_wanted(bool wanted, core::TimePoint now);
  bool wanted() const { return wanted_; }
  /// The next frame for the decoder.
  std::optional<Work> next();
  bool has_work() const { return wanted_ && !queue_.empty(); }
  void on_decoded(bool keyframe);
  void on_error(core::TimePoint now);
  /// True when a keyframe should be asked for now.
  bool poll_request(core::TimePoint now) { return wanted_ && seeker_.poll(now); }
  const Drops& drops() const { return drops_; }

 private:
  void enqueue(const core::EncodedFrame& frame);
  void drop_queue(uint64_t& counter);

  std::deque<core::EncodedFrame> queue_;
  size_t queued_bytes_ = 0;
  core::Codec codec_ = core::Codec::h264;
  bool wanted_ = false;
  bool need_keyframe_ = true;  // the next frame to enter the queue must be one
  bool restart_ = true;
  KeyframeSeeker seeker_;
  Drops drops_;
};

}  // namespace partyline::mixer
