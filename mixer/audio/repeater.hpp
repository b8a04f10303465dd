// Repeater: concealment for codecs that have none of their own (G.711, G.722), at the codec's rate: the last pitch
// period goes on and fades, the first good samples are cross-faded in. In the spirit of G.711 Appendix I.
//
// Thread: the audio tick; allocates nothing.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "mixer/audio/pitch.hpp"

namespace partyline::mixer {

class Repeater {
 public:
  /// Remembers what was decoded; when it follows a concealed stretch, smooths the seam (changes the first 4 ms).
  void on_good(std::span<float> pcm);
  /// Fills `pcm` with a continuation that fades to silence over 120 ms.
  void conceal(std::span<float> pcm);
  /// Forgets everything; `ratio`: 48 kHz samples in one of those that come.
  void reset(size_t ratio);

 private:
  static constexpr size_t kHistory = 2 * kMaxPeriod;  // 48 kHz samples, as are the constants in the .cpp
  static constexpr size_t kSeam = 192;

  void remember(std::span<const float> pcm);
  void put_in_order();
  float next_sample();

  size_t ratio_ = 1;
  size_t newest_ = 0;  // behind the newest sample: the oldest
  size_t period_ = 0;  // 0: not concealing
  size_t phase_ = 0;
  float gain_ = 1;
  float step_ = 0;                         // the jump between history and cycle, decaying
  std::array<float, kHistory> history_{};  // [0, kHistory / ratio_), a ring
  std::array<float, kMaxPeriod> cycle_{};
};

}  // namespace partyline::mixer
