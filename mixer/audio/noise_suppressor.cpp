#include "mixer/audio/noise_suppressor.hpp"

#include <speex/speex_preprocess.h>

#include "mixer/audio/pcm.hpp"

namespace partyline::mixer {
namespace {
constexpr int kSuppression = -18;  // dB
}

void NoiseSuppressor::Deleter::operator()(SpeexPreprocessState_* state) const {
  speex_preprocess_state_destroy(state);
}

NoiseSuppressor::NoiseSuppressor() = default;
NoiseSuppressor::~NoiseSuppressor() = default;

void NoiseSuppressor::process(std::span<float> samples, int rate) {
  const size_t half = samples.size() / 2;
  if (rate != rate_) {
    state_.reset(speex_preprocess_state_init(static_cast<int>(half), rate));
    rate_ = rate;
    int suppression = kSuppression;
    if (state_) speex_preprocess_ctl(state_.get(), SPEEX_PREPROCESS_SET_NOISE_SUPPRESS, &suppression);
  }
  if (!state_) return;
  std::array<int16_t, kTickSamples / 2> linear;
  for (size_t part = 0; part < 2; ++part) {
    const std::span<float> now = samples.subspan(part * half, half);
    for (size_t i = 0; i < half; ++i) linear[i] = to_int16(now[i]);
    speex_preprocess_run(state_.get(), linear.data());
    for (size_t i = 0; i < half; ++i) now[i] = to_float(linear[i]);
  }
}

}  // namespace partyline::mixer
