#include "mixer/audio/resampler.hpp"

#include <speex/speex_resampler.h>

#include <algorithm>
#include <stdexcept>

namespace partyline::mixer {
namespace {
constexpr int kQuality = 2;
}

void Resampler::Deleter::operator()(SpeexResamplerState_* state) const {
  speex_resampler_destroy(state);
}

Resampler::Resampler(int from_hz, int to_hz) {
  if (from_hz == to_hz) return;
  int error = RESAMPLER_ERR_SUCCESS;
  state_.reset(
      speex_resampler_init(1, static_cast<spx_uint32_t>(from_hz), static_cast<spx_uint32_t>(to_hz), kQuality, &error));
  if (!state_) throw std::runtime_error("speex_resampler_init failed");
}

Resampler::~Resampler() = default;
Resampler::Resampler(Resampler&&) noexcept = default;
Resampler& Resampler::operator=(Resampler&&) noexcept = default;

size_t Resampler::process(std::span<const float> in, std::span<float> out) {
  if (!state_) {
    const size_t count = std::min(in.size(), out.size());
    std::copy_n(in.begin(), count, out.begin());
    return count;
  }
  auto consumed = static_cast<spx_uint32_t>(in.size());
  auto produced = static_cast<spx_uint32_t>(out.size());
  speex_resampler_process_float(state_.get(), 0, in.data(), &consumed, out.data(), &produced);
  return produced;
}

void Resampler::reset() {
  if (state_) speex_resampler_reset_mem(state_.get());
}

}  // namespace partyline::mixer
