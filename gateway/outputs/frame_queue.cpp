#include "gateway/outputs/frame_queue.hpp"

namespace partyline::gateway {

namespace {
bool is_video(const core::EncodedFrame& frame) {
  return core::kind_of(frame.codec) == core::MediaKind::video;
}
}  // namespace

void FrameQueue::open(bool with_video) {
  const std::lock_guard lock(mutex_);
  frames_.clear();
  bytes_ = 0;
  open_ = true;
  with_video_ = with_video;
  started_ = !with_video;
  wants_keyframe_ = with_video;
}

void FrameQueue::close() {
  const std::lock_guard lock(mutex_);
  frames_.clear();
  bytes_ = 0;
  open_ = false;
  wants_keyframe_ = false;
}

void FrameQueue::wake() {
  woken_.store(true);
  arrived_.ring();
}

void FrameQueue::push(const core::EncodedFrame& frame) {
  {
    const std::lock_guard lock(mutex_);
    if (!open_) return;
    if (frames_.size() >= limits_.frames || bytes_ + frame.data.size() > limits_.bytes) make_room();
    if (is_video(frame)) {
      if (frame.keyframe) {
        wants_keyframe_ = false;
        started_ = true;
      } else if (wants_keyframe_) {
        if (started_) ++dropped_;  // before the first keyframe nothing is missed
        return;
      }
    } else if (!started_) {
      return;
    }
    if (frame.data.size() > limits_.bytes) {
      ++dropped_;
      return;
    }
    frames_.push_back(frame);
    bytes_ += frame.data.size();
  }
  arrived_.ring();
}

void FrameQueue::drop_front() {
  bytes_ -= frames_.front().data.size();
  frames_.pop_front();
  ++dropped_;
}

void FrameQueue::make_room() {
  // The first picture goes, keyframe or not: it is the oldest. Then everything up to the next keyframe.
  if (!frames_.empty()) drop_front();
  while (!frames_.empty() && !(is_video(frames_.front()) && frames_.front().keyframe)) drop_front();
  if (frames_.empty() && with_video_) wants_keyframe_ = true;
}

std::optional<core::EncodedFrame> FrameQueue::take() {
  const std::lock_guard lock(mutex_);
  if (frames_.empty()) return std::nullopt;
  core::EncodedFrame frame = std::move(frames_.front());
  frames_.pop_front();
  bytes_ -= frame.data.size();
  return frame;
}

std::optional<core::EncodedFrame> FrameQueue::pop(core::TimePoint deadline) {
  if (auto frame = take()) return frame;
  // A ring of before, for a frame that was taken since, is no frame.
  while (!woken_.exchange(false) && arrived_.wait_until(deadline)) {
    if (auto frame = take()) return frame;
  }
  return std::nullopt;
}

}  // namespace partyline::gateway
