// SideChannel: what makes a source stereo: half the difference of its channels, sample for sample beside the mono pcm
// of AudioSource, which is their mean: left = mean + side, right = mean − side. Everything else (order, depth, periods
// taken out or put in) is decided on the mean and done here likewise. A source whose channels are equal costs a few
// additions.
//
// Thread: the audio tick; allocates nothing but when it is made.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "mixer/audio/pcm.hpp"

namespace partyline::mixer {

class SideChannel {
 public:
  /// `capacity`: of the pcm, in samples.
  explicit SideChannel(size_t capacity) : pcm_(capacity) {}

  /// `count` more samples; `side` has as many, or none: the channels are equal.
  void append(std::span<const float> side, size_t count);
  void remove_period(size_t period);
  void insert_period(size_t period);
  /// Equal channels, `count` samples of them.
  void reset(size_t count = 0);

  /// A new tick.
  void begin() { block_samples_ = 0; }
  /// Of the first `count` samples those up to which the channels may differ.
  std::span<const float> ahead(size_t count) const { return {pcm_.data(), std::min(count, busy_)}; }
  /// The first `count` samples become the tick's.
  void pull(size_t count);
  void mute() { block_samples_ = 0; }
  /// The tick's, empty when the channels are equal.
  std::span<float> block() { return {block_.data(), block_samples_}; }

 private:
  std::vector<float> pcm_;  // fixed size; [0, busy_) holds differences, from there to filled_ there are none
  size_t filled_ = 0, busy_ = 0;
  Block block_{};
  size_t block_samples_ = 0;
};

}  // namespace partyline::mixer
