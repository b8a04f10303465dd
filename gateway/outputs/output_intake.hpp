// OutputIntake: the thread's end of a live output's queue: which frames a stream begins with, which follow and in what
// order, and when a keyframe is asked for.
//
//   the mix      begins with a keyframe that brings its parameter sets, without video with any sound
//   received     (a leg's own frames) begins as RecordingStart says; AudioOrder puts sound in order
//
// Of received frames comfort noise is left out, and so are pictures that need what was lost, up to the next keyframe.
//
// Thread: the output's own; set_feedback() from any.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

#include "core/result.hpp"
#include "gateway/outputs/audio_order.hpp"
#include "gateway/outputs/frame_queue.hpp"
#include "gateway/outputs/recording_start.hpp"

namespace partyline::gateway {

struct OutputIntakeConfig {
  bool audio = true, video = true;  ///< of the mix; a leg has what comes
  bool received = false;
  core::Duration keyframe_deadline{};
};

class OutputIntake {
 public:
  OutputIntake(FrameQueue& queue, OutputIntakeConfig config) : queue_(queue), config_(config) {}

  /// Blocks until a stream can begin, or `stopping`. `unavailable`: the mixer sends nothing. A leg may be silent for as
  /// long as it likes; `cancelled` when it was so until `stopping`.
  core::Result<StreamStart> begin(const std::atomic<bool>& stopping);
  /// The next frame to be written; nothing when there was none until `deadline`. A time long past: what is there now.
  std::optional<core::EncodedFrame> next(core::TimePoint deadline);
  /// The frame belongs to another stream, which begin() is called for next.
  void put_back(core::EncodedFrame frame);
  /// Something was put back, and begin() was not called since.
  bool has_carried() const { return carried_.has_value(); }
  /// The frame is not written: it fits into no file that could begin with it now. `ask`: for a keyframe, where the next
  /// one may do.
  void refuse(const core::EncodedFrame& frame, bool ask);
  /// Nothing more is taken from the queue until the next begin().
  void close();
  void set_feedback(std::shared_ptr<core::MediaFeedback> feedback);

 private:
  core::Result<StreamStart> begin_mix(const std::atomic<bool>& stopping);
  core::Result<StreamStart> begin_received(const std::atomic<bool>& stopping);
  std::optional<core::EncodedFrame> next_received(core::TimePoint deadline);
  std::optional<core::EncodedFrame> next_sound(core::TimePoint now);
  void order(core::EncodedFrame frame);
  bool admit(const core::EncodedFrame& picture);
  void notice_overflow();
  void ask_for_keyframe(bool again);

  FrameQueue& queue_;
  const OutputIntakeConfig config_;
  core::TimePoint keyframe_asked_{};
  uint64_t drops_seen_ = 0;  // of the queue
  // Of a leg.
  AudioOrder order_;
  std::optional<core::EncodedFrame> carried_;
  bool needs_keyframe_ = true;
  bool pictures_come_ = false, began_ = false;  // since the file's beginning was asked for; it has one

  std::mutex mutex_;
  std::shared_ptr<core::MediaFeedback> feedback_;
};

}  // namespace partyline::gateway
