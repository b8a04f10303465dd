// NoiseSuppressor: SpeexDSP's spectral noise suppression for one member's sound, at its own rate. Costs 10 ms of delay:
// the spectrum is taken over two overlapping halves.
//
// Thread: process() on the audio tick, prepare() on others, one at a time.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "mixer/audio/pcm.hpp"

struct SpeexPreprocessState_;

namespace partyline::mixer {

class NoiseSuppressor {
 public:
  NoiseSuppressor();
  ~NoiseSuppressor();
  /// Takes the memory for sound of this rate, if that has not been done.
  void prepare(int rate);
  /// 20 ms, in place; sound of a rate that was not prepared stays as it is.
  void process(std::span<float> samples, int rate);

 private:
  struct Deleter {
    void operator()(SpeexPreprocessState_* state) const;
  };
  std::array<std::unique_ptr<SpeexPreprocessState_, Deleter>, kBands> states_;
  std::array<std::atomic<bool>, kBands> prepared_{};
};

}  // namespace partyline::mixer
