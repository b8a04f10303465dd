#include "mixer/audio/room_sounds.hpp"

#include <cmath>
#include <numbers>

namespace partyline::mixer {
namespace {
constexpr size_t kNote = 120 * kSamplesPerMs;
constexpr size_t kEdge = 10 * kSamplesPerMs;  // how long a note takes to swell and to fade
constexpr double kLow = 587.33, kHigh = 880;  // Hz
constexpr double kAmplitude = 0.09;           // -24 dBov

float note_at(Tone tone, size_t position) {
  const size_t note = position / kNote, at = position % kNote;
  if (note > 1) return 0;
  const double hz = (note == 0) == (tone == Tone::join) ? kLow : kHigh;
  const size_t edge = std::min({at, kNote - at, kEdge});
  const double swell = 0.5 - 0.5 * std::cos(std::numbers::pi * static_cast<double>(edge) / kEdge);
  return static_cast<float>(kAmplitude * swell *
                            std::sin(2 * std::numbers::pi * hz * static_cast<double>(at) / kSampleRate));
}
}  // namespace

void RoomSounds::set_comfort_noise(double dbov) {
  // Evenly distributed: the root of the mean square is the amplitude over the root of three.
  const double amplitude = dbov <= kNoComfort ? 0 : std::sqrt(3.0) * std::pow(10, std::min(dbov, -40.0) / 20);
  noise_.store(static_cast<float>(amplitude), std::memory_order_relaxed);
}

void RoomSounds::begin() {
  position_ = next_;
  const Tone asked = asked_.exchange(Tone::none, std::memory_order_relaxed);
  if (playing_ != Tone::none && position_ >= 2 * kNote) playing_ = Tone::none;
  if (playing_ == Tone::none && asked != Tone::none) {
    playing_ = asked;
    position_ = 0;
  }
  next_ = playing_ == Tone::none ? 0 : position_ + kTickSamples;
}

void RoomSounds::add_to(std::span<float> mix, size_t band) {
  if (const float amplitude = noise_.load(std::memory_order_relaxed); amplitude > 0) {
    const float scale = amplitude / 2147483648.0F;
    for (size_t i = 0; i < mix.size(); i += random_.size()) {
      for (size_t lane = 0; lane < random_.size(); ++lane) {
        // Numerical Recipes' quick generator; its upper bits are random enough for a hiss.
        random_[lane] = random_[lane] * 1664525U + 1013904223U;
        mix[i + lane] += static_cast<float>(static_cast<int32_t>(random_[lane])) * scale;
      }
    }
  }
  if (playing_ == Tone::none) return;
  const size_t ratio = kTickSamples / tick_samples(band);
  for (size_t i = 0; i < mix.size(); ++i) mix[i] += note_at(playing_, position_ + i * ratio);
}

}  // namespace partyline::mixer
