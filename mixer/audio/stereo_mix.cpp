#include "mixer/audio/stereo_mix.hpp"

#include <utility>

namespace partyline::mixer {

void StereoMix::begin() {
  if (std::exchange(busy_, false)) sum_.fill(0);
}

void StereoMix::add(std::span<const float> side) {
  for (size_t i = 0; i < side.size(); ++i) sum_[i] += side[i];
  busy_ = true;
}

void StereoMix::finish(std::span<const float> mean) {
  for (size_t i = 0; i < mean.size(); ++i) {
    full_.left[i] = mean[i] + sum_[i];
    full_.right[i] = mean[i] - sum_[i];
  }
  limiter_.process(full_.left, full_.right);
}

MixSpan StereoMix::without(std::span<const float> mean, std::span<const float> side, std::span<const float> second_side,
                           Limiter& limiter) {
  Block rest = sum_;
  for (size_t i = 0; i < side.size(); ++i) rest[i] -= side[i];
  for (size_t i = 0; i < second_side.size(); ++i) rest[i] -= second_side[i];
  for (size_t i = 0; i < mean.size(); ++i) {
    without_.left[i] = mean[i] + rest[i];
    without_.right[i] = mean[i] - rest[i];
  }
  limiter.process(without_.left, without_.right);
  return {without_.left, without_.right};
}

}  // namespace partyline::mixer
