// The words of the audio half: one channel, float samples of ±1.0, 20 ms a tick; 48 kHz unless somebody says otherwise.
//
// Mono on purpose: telephones are, microphones are, and a mix that pans nobody loses nothing. Stereo outputs carry the
// same signal twice, stereo inputs are folded by their decoder. In a music room the difference of the channels goes
// beside it (side_channel.hpp, stereo_mix.hpp).
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

/// The rates that codecs work at. A mix is made at those at which somebody hears it.
constexpr std::array<int, 3> kBandRates{8000, 16000, 48000};
constexpr size_t kBands = kBandRates.size();
constexpr size_t band_of(int rate) {
  return rate == 8000 ? 0 : rate == 16000 ? 1 : 2;
}
constexpr size_t tick_samples(size_t band) {
  return static_cast<size_t>(kBandRates[band]) / 50;
}

constexpr core::Duration samples_to_duration(int64_t samples) {
  return std::chrono::nanoseconds(samples * 62500 / 3);
}

inline int16_t to_int16(float sample) {
  return static_cast<int16_t>(std::lrintf(std::clamp(sample * 32768.0F, -32768.0F, 32767.0F)));
}
inline float to_float(int16_t sample) {
  return static_cast<float>(sample) * (1.0F / 32768.0F);
}

inline double energy_of(std::span<const float> pcm) {
  // Eight sums side by side: the compiler may not reorder one.
  std::array<float, 8> sums{};
  const size_t whole = pcm.size() / sums.size() * sums.size();
  for (size_t i = 0; i < whole; i += sums.size()) {
    for (size_t lane = 0; lane < sums.size(); ++lane) sums[lane] += pcm[i + lane] * pcm[i + lane];
  }
  double sum = 0;
  for (const float part : sums) sum += part;
  for (size_t i = whole; i < pcm.size(); ++i) sum += static_cast<double>(pcm[i]) * pcm[i];
  return sum;
}

/// The largest absolute value.
inline float peak_of(std::span<const float> pcm) {
  std::array<float, 8> peaks{};
  const size_t whole = pcm.size() / peaks.size() * peaks.size();
  for (size_t i = 0; i < whole; i += peaks.size()) {
    for (size_t lane = 0; lane < peaks.size(); ++lane) {
      const float size = std::fabs(pcm[i + lane]);
      peaks[lane] = size > peaks[lane] ? size : peaks[lane];
    }
  }
  float peak = 0;
  for (const float part : peaks) peak = std::max(peak, part);
  for (size_t i = whole; i < pcm.size(); ++i) peak = std::max(peak, std::fabs(pcm[i]));
  return peak;
}

/// Root mean square relative to full scale (a full-scale square wave is 0), -127 for silence: RFC 6464's dBov.
inline double level_dbov(std::span<const float> pcm) {
  const double mean = pcm.empty() ? 0 : energy_of(pcm) / static_cast<double>(pcm.size());
  return mean < 2e-13 ? -127.0 : std::max(-127.0, 10 * std::log10(mean));
}

}  // namespace partyline::mixer
