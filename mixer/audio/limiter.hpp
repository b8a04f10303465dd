// Limiter: keeps a mix below full scale by turning it down, not by clipping. Gain falls within the 5 ms before a peak
// (the block is known as a whole) and recovers by 1 dB in 10 ms; what still sticks out at a block's very start is bent
// softly. Thread: the audio tick; one a distinct mix.
#pragma once

#include <span>

#include "mixer/audio/pcm.hpp"

namespace partyline::mixer {

class Limiter {
 public:
  /// 20 ms at any rate of kBandRates; of two channels, `right` is turned down as `block` is.
  void process(std::span<float> block, std::span<float> right = {});

 private:
  float gain_ = 1;
};

}  // namespace partyline::mixer
