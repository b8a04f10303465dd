// NoiseSuppressor: SpeexDSP's spectral noise suppression for one member's sound, at its own rate. Costs 10 ms of delay:
// the spectrum is taken over two overlapping halves.
//
// Thread: the audio tick; memory is taken when a rate first comes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

struct SpeexPreprocessState_;

namespace partyline::mixer {

class NoiseSuppressor {
 public:
  NoiseSuppressor();
  ~NoiseSuppressor();
  /// 20 ms, in place.
  void process(std::span<float> samples, int rate);

 private:
  struct Deleter {
    void operator()(SpeexPreprocessState_* state) const;
  };
  std::unique_ptr<SpeexPreprocessState_, Deleter> state_;
  int rate_ = 0;
};

}  // namespace partyline::mixer
