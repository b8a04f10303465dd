// MixBus: the sum of a room's sources at each rate at which somebody hears it. Sources are added at their own rate;
// each rate's sum is resampled once, however many sources are in it and however many listeners hear it.
//
//   8 kHz sources ──▶ Σ8 ──┬───────────────▶ mix at 8 kHz  = Σ8 + ↓Σ16 + ↓Σ48
//   16 kHz sources ─▶ Σ16 ─┤  (resampled    mix at 16 kHz = ↑Σ8 + Σ16 + ↓Σ48
//   48 kHz sources ─▶ Σ48 ─┘   where heard) mix at 48 kHz = ↑Σ8 + ↑Σ16 + Σ48
//
// Thread: the audio tick. All memory is taken by the constructor.
#pragma once

#include <array>
#include <memory>
#include <span>

#include "mixer/audio/pcm.hpp"
#include "mixer/audio/resampler.hpp"
#include "mixer/audio/room_sounds.hpp"

namespace partyline::mixer {

class MixBus {
 public:
  MixBus();

  /// A new tick: nothing in it yet.
  void begin();
  void add(std::span<const float> samples, int rate);
  /// Makes the mixes of the wanted bands, the room's own sounds included.
  void finish(const std::array<bool, kBands>& wanted, RoomSounds& sounds);
  std::span<const float> mix(size_t band) const { return {mixes_[band].data(), tick_samples(band)}; }
  void reset();

 private:
  struct Band {
    Block sum{};
    bool busy = false;      // somebody was added in this tick
    bool was_busy = false;  // … or in the one before, which resamplers still remember
  };
  std::array<Band, kBands> bands_;
  std::array<Block, kBands> mixes_{};
  std::array<std::array<Resampler, kBands>, kBands> resamplers_;  // [from][to]
};

}  // namespace partyline::mixer
