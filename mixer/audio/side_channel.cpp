#include "mixer/audio/side_channel.hpp"

#include <algorithm>
#include <cstring>

#include "mixer/audio/pitch.hpp"

namespace partyline::mixer {

void SideChannel::append(std::span<const float> side, size_t count) {
  count = std::min(count, pcm_.size() - filled_);
  if (!side.empty()) {
    const auto at = [this](size_t sample) { return pcm_.begin() + static_cast<ptrdiff_t>(sample); };
    std::fill(at(busy_), at(filled_), 0.0F);
    std::copy_n(side.begin(), std::min(count, side.size()), at(filled_));
    busy_ = filled_ + std::min(count, side.size());
  }
  filled_ += count;
}

void SideChannel::remove_period(size_t period) {
  if (busy_ > 0) {
    std::fill(pcm_.begin() + static_cast<ptrdiff_t>(busy_), pcm_.begin() + static_cast<ptrdiff_t>(filled_), 0.0F);
    mixer::remove_period({pcm_.data(), filled_}, period);
    busy_ = filled_ - period;
  }
  filled_ -= period;
}

void SideChannel::insert_period(size_t period) {
  if (busy_ > 0) {
    std::fill(pcm_.begin() + static_cast<ptrdiff_t>(busy_), pcm_.begin() + static_cast<ptrdiff_t>(filled_), 0.0F);
    busy_ = mixer::insert_period(pcm_, filled_, period);
  }
  filled_ += period;
}

void SideChannel::reset(size_t count) {
  filled_ = count;
  busy_ = 0;
}

void SideChannel::pull(size_t count) {
  if (busy_ > 0) {
    const size_t differ = std::min(count, busy_);
    std::copy_n(pcm_.begin(), differ, block_.begin());
    std::fill(block_.begin() + static_cast<ptrdiff_t>(differ), block_.begin() + static_cast<ptrdiff_t>(count), 0.0F);
    block_samples_ = count;
    std::memmove(pcm_.data(), pcm_.data() + differ, (busy_ - differ) * sizeof(float));
    busy_ -= differ;
  }
  filled_ -= count;
}

}  // namespace partyline::mixer
