#include "mixer/video/picture_queue.hpp"

#include <algorithm>
#include <utility>

namespace partyline::mixer {

void PictureQueue::set_delay(core::Duration delay) {
  delay_ = std::clamp(delay, core::Duration::zero(), kMaxDelay);
}

void PictureQueue::push(Picture picture, core::TimePoint now) {
  picture.capture = std::min(picture.capture, now);
  waiting_.push_back(std::move(picture));
  if (waiting_.size() <= kCapacity) return;
  size_t victim = 1;
  core::Duration smallest = core::Duration::max();
  for (size_t i = 1; i + 1 < waiting_.size(); ++i) {
    const core::Duration gap = waiting_[i + 1].capture - waiting_[i - 1].capture;
    if (gap < smallest) {
      smallest = gap;
      victim = i;
    }
  }
  waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(victim));
  ++dropped_;
}

std::optional<Picture> PictureQueue::take_due(core::TimePoint now, core::Duration half_frame) {
  size_t due = 0;
  for (size_t i = 0; i < waiting_.size(); ++i) {
    if (waiting_[i].capture + delay_ <= now + half_frame) due = i + 1;
  }
  if (due == 0) return std::nullopt;
  Picture picture = std::move(waiting_[due - 1]);
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(due));
  dropped_ += due - 1;
  return picture;
}

}  // namespace partyline::mixer
