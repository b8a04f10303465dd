#include "mixer/audio/repeater.hpp"

#include <algorithm>

namespace partyline::mixer {
namespace {
constexpr size_t kHold = 480;                  // 10 ms at full level (samples)
constexpr float kFadeStep = 1.0F / (48 * 50);  // then 50 ms to nothing
}  // namespace

void Repeater::remember(std::span<const float> pcm) {
  if (pcm.size() >= kHistory) {
    std::copy(pcm.end() - kHistory, pcm.end(), history_.begin());
    return;
  }
  std::move(history_.begin() + static_cast<ptrdiff_t>(pcm.size()), history_.end(), history_.begin());
  std::copy(pcm.begin(), pcm.end(), history_.end() - static_cast<ptrdiff_t>(pcm.size()));
}

float Repeater::next_sample() {
  const float sample = (cycle_[phase_ % period_] + step_) * gain_;
  step_ *= 0.97F;
  if (++phase_ > kHold) gain_ = std::max(0.0F, gain_ - kFadeStep);
  return sample;
}

void Repeater::on_good(std::span<float> pcm) {
  if (period_ != 0) {
    const size_t seam = std::min(kSeam, pcm.size());
    for (size_t i = 0; i < seam; ++i) {
      const float weight = (static_cast<float>(i) + 0.5F) / static_cast<float>(seam);
      pcm[i] = pcm[i] * weight + next_sample() * (1 - weight);
    }
    period_ = 0;
  }
  remember(pcm);
}

void Repeater::conceal(std::span<float> pcm) {
  if (period_ == 0) {
    // The newest samples against those one period earlier.
    constexpr size_t kWindow = kHistory - kMaxPeriod;
    std::array<float, kHistory> backwards;
    std::reverse_copy(history_.begin(), history_.end(), backwards.begin());
    period_ = find_period(backwards, kWindow, kMinPeriod * 2, kMaxPeriod).samples;
    std::copy_n(history_.end() - static_cast<ptrdiff_t>(period_), period_, cycle_.begin());
    // The cycle's end leads into its start: cross-fade its last quarter towards what came before its first sample.
    const size_t blend = std::min(period_ / 4, kHistory - period_);
    for (size_t i = 0; i < blend; ++i) {
      const float weight = (static_cast<float>(i) + 0.5F) / static_cast<float>(blend);
      const size_t at = period_ - blend + i;
      cycle_[at] = cycle_[at] * (1 - weight) + history_[kHistory - period_ - blend + i] * weight;
    }
    // What no repetition matches exactly is hidden in an offset that dies within a millisecond or two.
    step_ = history_[kHistory - 1] - history_[kHistory - 1 - period_];
    phase_ = 0;
    gain_ = 1;
  }
  for (float& sample : pcm) sample = next_sample();
  remember(pcm);
}

void Repeater::reset() {
  history_.fill(0);
  period_ = 0;
}

}  // namespace partyline::mixer
