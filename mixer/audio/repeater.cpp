#include "mixer/audio/repeater.hpp"

#include <algorithm>

namespace partyline::mixer {
namespace {
// Gain over time: 1 for 10 ms, down to a quarter at 70 ms, to nothing at 120 ms.
constexpr size_t kHold = 48 * 10;  // samples
constexpr float kFadeStep = 0.75F / (48 * 60), kLastFadeStep = 0.25F / (48 * 50);
}  // namespace

void Repeater::remember(std::span<const float> pcm) {
  const size_t length = kHistory / ratio_;
  if (pcm.size() > length) pcm = pcm.last(length);
  const size_t first = std::min(pcm.size(), length - newest_);
  std::copy_n(pcm.begin(), first, history_.begin() + static_cast<ptrdiff_t>(newest_));
  std::copy(pcm.begin() + static_cast<ptrdiff_t>(first), pcm.end(), history_.begin());
  newest_ = (newest_ + pcm.size()) % length;
}

// Oldest first.
void Repeater::put_in_order() {
  const auto begin = history_.begin();
  std::rotate(begin, begin + static_cast<ptrdiff_t>(newest_), begin + static_cast<ptrdiff_t>(kHistory / ratio_));
  newest_ = 0;
}

float Repeater::next_sample() {
  const float sample = (cycle_[phase_ % period_] + step_) * gain_;
  step_ *= ratio_ == 1 ? 0.97F : 0.85F;
  if (++phase_ > kHold / ratio_) {
    gain_ = std::max(0.0F, gain_ - (gain_ > 0.25F ? kFadeStep : kLastFadeStep) * static_cast<float>(ratio_));
  }
  return sample;
}

void Repeater::on_good(std::span<float> pcm) {
  if (period_ != 0) {
    const size_t seam = std::min(kSeam / ratio_, pcm.size());
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
    put_in_order();
    // The newest samples against those one period earlier.
    const std::span<const float> history(history_.data(), kHistory / ratio_);
    const size_t longest = kMaxPeriod / ratio_;
    std::array<float, kHistory> backwards;
    std::reverse_copy(history.begin(), history.end(), backwards.begin());
    period_ = find_period({backwards.data(), history.size()}, history.size() - longest, kMinPeriod * 2 / ratio_,
                          longest, ratio_)
                  .samples;
    std::copy_n(history.end() - static_cast<ptrdiff_t>(period_), period_, cycle_.begin());
    // The cycle's end leads into its start: cross-fade its last quarter towards what came before its first sample.
    const size_t blend = std::min(period_ / 4, history.size() - period_);
    for (size_t i = 0; i < blend; ++i) {
      const float weight = (static_cast<float>(i) + 0.5F) / static_cast<float>(blend);
      const size_t at = period_ - blend + i;
      cycle_[at] = cycle_[at] * (1 - weight) + history[history.size() - period_ - blend + i] * weight;
    }
    // What no repetition matches exactly is hidden in an offset that dies within a millisecond or two.
    step_ = history.back() - history[history.size() - 1 - period_];
    phase_ = 0;
    gain_ = 1;
  }
  for (float& sample : pcm) sample = next_sample();
  remember(pcm);
}

void Repeater::reset(size_t ratio) {
  ratio_ = ratio;
  newest_ = 0;
  history_.fill(0);
  period_ = 0;
}

}  // namespace partyline::mixer
