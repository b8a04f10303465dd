// What stands between a video output's gate and its sink: pictures of the mix come through push(), those of a single
// source through pass(), and VideoPass decides which the receiver gets.
//
// Thread: any; no sink is called after shut(). Decides nothing.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "core/frame.hpp"
#include "mixer/video/video_pass.hpp"

namespace partyline::mixer {

class VideoValve final : public core::FrameSink {
 public:
  using State = VideoPass::State;

  explicit VideoValve(std::shared_ptr<core::FrameSink> sink) : sink_(std::move(sink)) {}

  /// From now on sources may be passed, to a receiver with these limits.
  void allow(const VideoRendition& rendition, const PassLimits& limits, core::TimePoint now) {
    const std::lock_guard lock(mutex_);
    if (!pass_) pass_.emplace(rendition, limits);
    pass_->set_limits(limits, now);
  }
  void push(const core::EncodedFrame& frame) override {
    const std::lock_guard lock(mutex_);
    core::EncodedFrame sent = frame;
    if (sink_ && (!pass_ || pass_->take_mixed(sent))) sink_->push(sent);
  }
  /// True: the receiver gets it.
  bool pass(const core::EncodedFrame& frame, core::TimePoint now) {
    const std::lock_guard lock(mutex_);
    core::EncodedFrame sent = frame;
    if (!sink_ || !pass_ || !pass_->take_passed(sent, now)) return false;
    sink_->push(sent);
    return true;
  }
  void aim(core::TimePoint now) {
    const std::lock_guard lock(mutex_);
    if (pass_) pass_->aim(now);
  }
  void release(bool at_once) {
    const std::lock_guard lock(mutex_);
    if (pass_) pass_->release(at_once);
  }
  void request_keyframe(core::TimePoint now) {
    const std::lock_guard lock(mutex_);
    if (pass_) pass_->request_keyframe(now);
  }
  bool poll(core::TimePoint now) {
    const std::lock_guard lock(mutex_);
    return pass_ && pass_->poll(now);
  }
  State state() const {
    const std::lock_guard lock(mutex_);
    return pass_ ? pass_->state() : State::mixed;
  }
  std::optional<core::TimePoint> barred_until() const {
    const std::lock_guard lock(mutex_);
    return pass_ ? pass_->barred_until() : std::nullopt;
  }
  void shut() {
    std::shared_ptr<core::FrameSink> gone;  // its destructor runs without the lock
    const std::lock_guard lock(mutex_);
    gone.swap(sink_);
  }

 private:
  mutable std::recursive_mutex mutex_;  // a sink may remove itself
  std::optional<VideoPass> pass_;
  std::shared_ptr<core::FrameSink> sink_;
};

}  // namespace partyline::mixer
