// StereoMix: a music room's mix in two channels, beside its MixBus, which has their mean: only the differences are
// summed here. Sources without one sit in the middle; who hears mono is not concerned.
//
// Thread: the audio tick.
#pragma once

#include <span>

#include "mixer/audio/limiter.hpp"
#include "mixer/audio/pcm.hpp"

namespace partyline::mixer {

/// What a listener hears in a tick. Mono: `right` is empty.
struct MixSpan {
  std::span<const float> left, right;
  bool empty() const { return left.empty(); }
};

/// Beside kBandRates: 48 kHz in two channels.
constexpr size_t kStereoBand = kBands;

class StereoMix {
 public:
  /// A new tick: nothing in it yet.
  void begin();
  void add(std::span<const float> side);
  /// Makes the whole mix of what was added and of the mean at 48 kHz.
  void finish(std::span<const float> mean);
  MixSpan full() const { return {full_.left, full_.right}; }
  /// The mix without somebody, whose `side` may be empty; `mean` lacks him already. Good until the next call.
  MixSpan without(std::span<const float> mean, std::span<const float> side, std::span<const float> second_side,
                  Limiter& limiter);
  const Limiter& limiter() const { return limiter_; }

 private:
  struct Pair {
    Block left{}, right{};
  };
  Block sum_{};
  bool busy_ = false;  // sum_ is not all zeros
  Pair full_, without_;
  Limiter limiter_;
};

}  // namespace partyline::mixer
