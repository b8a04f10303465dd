#include "gateway/outputs/frame_queue.hpp"

namespace partyline::gateway {

namespace {
bool is_video(const core::EncodedFrame& frame) {
  return core::kind_of(frame.codec) == core::MediaKind::video;
}
bool is_keyframe(const core::EncodedFrame& frame) {
  return frame.keyframe && is_video(frame);
}
}  // namespace

void FrameQueue::open(bool with_video) {
  const std::lock_guard lock(mutex_);
  frames_.clear();
  bytes_ = keyframes_ = 0;
  open_ = true;
  with_video_ = with_video;
  started_ = !with_video;
  wants_keyframe_ = with_video;
}

void FrameQueue::close() {
  const std::lock_guard lock(mutex_);
  frames_.clear();
  bytes_ = keyframes_ = 0;
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
    if (frame.data.size() > limits_.bytes) {
      ++dropped_;
      if (is_video(frame) && with_video_) wants_keyframe_ = true;  // what follows needs it
      return;
    }
    if (!has_room_for(frame)) make_room_for(frame);
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
    frames_.push_back(frame);
    bytes_ += frame.data.size();
    keyframes_ += is_keyframe(frame) ? 1 : 0;
  }
  arrived_.ring();
}

bool FrameQueue::has_room_for(const core::EncodedFrame& frame) const {
  return frames_.size() < limits_.frames && bytes_ + frame.data.size() <= limits_.bytes;
}

core::EncodedFrame FrameQueue::take_front() {
  core::EncodedFrame frame = std::move(frames_.front());
  frames_.pop_front();
  bytes_ -= frame.data.size();
  keyframes_ -= is_keyframe(frame) ? 1 : 0;
  return frame;
}

void FrameQueue::drop_front() {
  take_front();
  ++dropped_;
}

void FrameQueue::make_room_for(const core::EncodedFrame& frame) {
  while (!frames_.empty() && !has_room_for(frame)) {
    // The first picture goes, keyframe or not: it is the oldest. Then everything up to the next keyframe; where there
    // is none (a voice alone), no more than is needed.
    drop_front();
    if (keyframes_ == 0 && !with_video_) continue;
    while (!frames_.empty() && !is_keyframe(frames_.front())) drop_front();
    if (frames_.empty() && with_video_) wants_keyframe_ = true;
  }
}

std::optional<core::EncodedFrame> FrameQueue::take() {
  const std::lock_guard lock(mutex_);
  if (frames_.empty()) return std::nullopt;
  return take_front();
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
