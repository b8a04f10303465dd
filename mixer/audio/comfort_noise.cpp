#include "mixer/audio/comfort_noise.hpp"

#include <algorithm>
#include <cmath>

namespace partyline::mixer {
namespace {
constexpr float kApproach = 0.01F;     // of the way to the level told, a sample
constexpr float kStableBelow = 0.99F;  // reflection coefficients
}  // namespace

void ComfortNoise::describe(std::span<const uint8_t> payload, bool spectrum) {
  wanted_ = true;
  poles_ = spectrum && !payload.empty() ? std::min(payload.size() - 1, kMostPoles) : 0;
  float excitation = 1;  // its share of the power that comes out
  for (size_t i = 0; i < poles_; ++i) {
    const float k = 258.0F * (static_cast<float>(payload[i + 1]) - 127.0F) / 32768.0F;
    reflection_[i] = std::clamp(k, -kStableBelow, kStableBelow);
    excitation *= 1 - reflection_[i] * reflection_[i];
  }
  const float level = payload.empty() ? 0 : std::pow(10.0F, -static_cast<float>(payload[0] & 0x7F) / 20);
  target_ = level * std::sqrt(3 * excitation);  // a uniform ±1 has a power of 1/3
}

void ComfortNoise::stop() {
  wanted_ = false;
  gain_ = 0;
  delayed_.fill(0);
}

void ComfortNoise::render(std::span<float> pcm) {
  for (float& sample : pcm) {
    gain_ += (target_ - gain_) * kApproach;
    random_ = random_ * 1664525U + 1013904223U;
    float forward = gain_ * static_cast<float>(static_cast<int32_t>(random_)) / 2147483648.0F;
    // Synthesis lattice, the last stage first.
    for (size_t i = poles_; i-- > 0;) {
      forward -= reflection_[i] * delayed_[i];
      if (i + 1 < kMostPoles) delayed_[i + 1] = delayed_[i] + reflection_[i] * forward;
    }
    delayed_[0] = forward;
    sample = forward;
  }
}

}  // namespace partyline::mixer
