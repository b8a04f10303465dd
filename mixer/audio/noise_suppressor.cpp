#include "mixer/audio/noise_suppressor.hpp"

#include <speex/speex_preprocess.h>

namespace partyline::mixer {
namespace {
constexpr int kSuppression = -18;  // dB
}

void NoiseSuppressor::Deleter::operator()(SpeexPreprocessState_* state) const {
  speex_preprocess_state_destroy(state);
}

NoiseSuppressor::NoiseSuppressor() = default;
NoiseSuppressor::~NoiseSuppressor() = default;

void NoiseSuppressor::prepare(int rate) {
  const size_t band = band_of(rate);
  if (prepared_[band].load(std::memory_order_acquire)) return;
  auto& state = states_[band];
  state.reset(speex_preprocess_state_init(static_cast<int>(tick_samples(band) / 2), rate));
  if (!state) return;
  int suppression = kSuppression;
  speex_preprocess_ctl(state.get(), SPEEX_PREPROCESS_SET_NOISE_SUPPRESS, &suppression);
  prepared_[band].store(true, std::memory_order_release);
}

void NoiseSuppressor::process(std::span<float> samples, int rate) {
  const size_t band = band_of(rate);
  if (!prepared_[band].load(std::memory_order_acquire)) return;
  SpeexPreprocessState_* const state = states_[band].get();
  const size_t half = samples.size() / 2;
  std::array<int16_t, kTickSamples / 2> linear;
  for (size_t part = 0; part < 2; ++part) {
    const std::span<float> now = samples.subspan(part * half, half);
    for (size_t i = 0; i < half; ++i) linear[i] = to_int16(now[i]);
    speex_preprocess_run(state, linear.data());
    for (size_t i = 0; i < half; ++i) now[i] = to_float(linear[i]);
  }
}

}  // namespace partyline::mixer
