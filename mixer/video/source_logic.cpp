#include "mixer/video/source_logic.hpp"

#include <algorithm>
#include <utility>

namespace partyline::mixer {

void SourceLogic::enqueue(const core::EncodedFrame& frame) {
  queue_.push_back(frame);
  queued_bytes_ += frame.data.size();
}

void SourceLogic::drop_queue(uint64_t& counter) {
  counter += queue_.size();
  queue_.clear();
  queued_bytes_ = 0;
}

void SourceLogic::push(const core::EncodedFrame& frame, core::TimePoint now) {
  if (core::kind_of(frame.codec) != core::MediaKind::video || frame.data.empty()) return;
  const bool broken = !frame.keyframe && (frame.after_loss || frame.codec != codec_);
  if (broken) need_keyframe_ = true;
  if (frame.keyframe && !wanted_) drop_queue(drops_.idle);  // everything before it is history
  if (need_keyframe_ && !frame.keyframe) {
    ++drops_.no_keyframe;
    if (wanted_) seeker_.start(now);
    return;
  }
  const size_t max_bytes = wanted_ ? kMaxBytes : kMaxIdleBytes;
  if (queue_.size() >= kMaxFrames || queued_bytes_ + frame.data.size() > max_bytes) {
    drop_queue(wanted_ ? drops_.overflow : drops_.idle);
    need_keyframe_ = true;
    if (wanted_) seeker_.start(now);
    if (!frame.keyframe || frame.data.size() > max_bytes) {
      ++(wanted_ ? drops_.overflow : drops_.idle);
      return;
    }
  }
  if (need_keyframe_) restart_ = true;
  need_keyframe_ = false;
  codec_ = frame.codec;
  enqueue(frame);
}

void SourceLogic::set_wanted(bool wanted, core::TimePoint now) {
  if (wanted == wanted_) return;
  wanted_ = wanted;
  if (!wanted) {
    // Its decoder goes, so what follows can be decoded only from the next keyframe on.
    drop_queue(drops_.idle);
    need_keyframe_ = true;
    seeker_.on_keyframe_decoded();
    return;
  }
  restart_ = true;
  if (queue_.empty()) seeker_.start(now);
}

std::optional<SourceLogic::Work> SourceLogic::next() {
  if (!has_work()) return std::nullopt;
  Work work{std::move(queue_.front()), false};
  queue_.pop_front();
  queued_bytes_ -= work.frame.data.size();
  if (work.frame.keyframe) work.restart = std::exchange(restart_, false);
  return work;
}

void SourceLogic::on_decoded(bool keyframe) {
  if (keyframe) seeker_.on_keyframe_decoded();
}

void SourceLogic::on_error(core::TimePoint now) {
  while (!queue_.empty() && !queue_.front().keyframe) {
    queued_bytes_ -= queue_.front().data.size();
    queue_.pop_front();
    ++drops_.no_keyframe;
  }
  restart_ = true;
  if (queue_.empty()) need_keyframe_ = true;
  if (wanted_) seeker_.start(now);
}

}  // namespace partyline::mixer
