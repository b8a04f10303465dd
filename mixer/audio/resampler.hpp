// SpeexDSP's resampler between 48 kHz and a codec's rate, mono, whole ratios only (8000 or 16000 against 48000), so
// that n samples in are exactly n·to/from samples out.
//
// Thread: one at a time; process() allocates nothing. Delay: 2 ms at 8 kHz, 1 ms at 16 kHz (quality 2: the telephone
// band passes untouched, and every millisecond here is paid twice in a call).
#pragma once

#include <cstddef>
#include <memory>
#include <span>

struct SpeexResamplerState_;

namespace partyline::mixer {

class Resampler {
 public:
  Resampler(int from_hz, int to_hz);
  ~Resampler();
  Resampler(Resampler&&) noexcept;
  Resampler& operator=(Resampler&&) noexcept;

  /// `out` must hold in.size()·to/from samples; returns how many were written.
  size_t process(std::span<const float> in, std::span<float> out);
  void reset();

 private:
  struct Deleter {
    void operator()(SpeexResamplerState_* state) const;
  };
  std::unique_ptr<SpeexResamplerState_, Deleter> state_;  ///< null: the rates are equal, samples are copied
};

}  // namespace partyline::mixer
