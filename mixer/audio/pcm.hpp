// The words of the audio half: 48 kHz, one channel, float samples of ±1.0, 20 ms a tick.
//
// Mono on purpose: telephones are, microphones are, and a mix that pans nobody loses nothing. Stereo outputs carry the
// same signal twice, stereo inputs are folded by their decoder.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/time.hpp"

namespace partyline::mixer {

constexpr int kSampleRate = 48000;
constexpr size_t kTickSamples = 960;
constexpr core::Duration kTick = std::chrono::milliseconds(20);
constexpr int kSamplesPerMs = kSampleRate / 1000;

using Block = std::array<float, kTickSamples>;

constexpr core::Duration samples_to_duration(int64_t samples) {
  return std::chrono::nanoseconds(samples * 62500 / 3);
}
constexpr int64_t duration_to_samples(core::Duration duration) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count() * 3 / 62500;
}

inline int16_t to_int16(float sample) {
  return static_cast<int16_t>(std::lrintf(std::clamp(sample * 32768.0F, -32768.0F, 32767.0F)));
}
inline float to_float(int16_t sample) {
  return static_cast<float>(sample) * (1.0F / 32768.0F);
}

inline double energy_of(std::span<const float> pcm) {
  double sum = 0;
  for (const float sample : pcm) sum += static_cast<double>(sample) * sample;
  return sum;
}

/// Root mean square relative to full scale (a full-scale square wave is 0), -127 for silence: RFC 6464's dBov.
inline double level_dbov(std::span<const float> pcm) {
  const double mean = pcm.empty() ? 0 : energy_of(pcm) / static_cast<double>(pcm.size());
  return mean < 2e-13 ? -127.0 : std::max(-127.0, 10 * std::log10(mean));
}

}  // namespace partyline::mixer
