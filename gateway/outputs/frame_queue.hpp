// FrameQueue: the box between the mixer's threads and a live output's thread. Bounded in frames and bytes; push never
// waits. On overflow it drops up to the next picture that can be decoded by itself, sound of that stretch included, so
// that what is written stays whole and close to now; a voice alone loses its oldest frame only.
//
// Thread: push from any, the audio tick included (no memory, no lock without priority inheritance); everything else
// from the output's thread. The mutex is held for a move or a sweep only.
#pragma once

#include <atomic>
#include <boost/circular_buffer.hpp>
#include <cstdint>
#include <mutex>
#include <optional>

#include "core/bell.hpp"
#include "core/frame.hpp"
#include "core/mutex.hpp"

namespace partyline::gateway {

struct FrameQueueLimits {
  size_t frames = 400;  ///< about 5 s of 30 pictures and 47 AAC frames a second
  size_t bytes = 8 * 1024 * 1024;
};

class FrameQueue {
 public:
  explicit FrameQueue(FrameQueueLimits limits) : limits_(limits), frames_(limits.frames) {}

  /// A closed queue swallows what is pushed without a count: nobody listens. It begins closed.
  /// `with_video`: video has to begin with a keyframe, and audio may not come before it.
  void open(bool with_video);
  void close();
  /// Wakes pop().
  void wake();

  void push(const core::EncodedFrame& frame);
  /// The next frame; nothing when none came until `deadline` or somebody called wake().
  std::optional<core::EncodedFrame> pop(core::TimePoint deadline);
  /// Video is being dropped until a keyframe comes: ask for one.
  bool wants_keyframe() const { return wants_keyframe_.load(std::memory_order_relaxed); }
  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  std::optional<core::EncodedFrame> take();
  bool has_room_for(const core::EncodedFrame& frame) const;
  void make_room_for(const core::EncodedFrame& frame);
  core::EncodedFrame take_front();
  void drop_front();

  const FrameQueueLimits limits_;
  mutable core::Mutex mutex_;
  core::Bell arrived_;
  boost::circular_buffer<core::EncodedFrame> frames_;
  size_t bytes_ = 0, keyframes_ = 0;  // of frames_
  bool open_ = false, with_video_ = false;
  bool started_ = false;  // the first keyframe came: sound is taken from now on
  std::atomic<bool> wants_keyframe_{false}, woken_{false};
  std::atomic<uint64_t> dropped_{0};
};

}  // namespace partyline::gateway
