#include "mixer/audio/gain_control.hpp"

#include <algorithm>
#include <cmath>

namespace partyline::mixer {
namespace {
constexpr double kQuietestSpeech = -55;   // dBov
constexpr double kSpeechOverFloor = 9;    // dB
constexpr double kLoudestNoise = -52;     // dBov, after the gain
constexpr double kTolerance = 2;          // dB: further off than that it begins to move …
constexpr double kClose = 0.1;            // … until it is there
constexpr double kMean = 0.02;            // of a tick: a second of speech
constexpr int kEnough = 25;               // ticks before it is believed
constexpr double kUp = 0.1, kDown = 0.4;  // dB a tick
}  // namespace

void GainControl::update(double level, double noise_floor, bool speaking) {
  if (!speaking || level < std::max(kQuietestSpeech, noise_floor + kSpeechOverFloor)) return;
  const double power = std::pow(10, level / 10);
  heard_ = std::min(heard_ + 1, kEnough);
  speech_ += (power - speech_) * (heard_ < kEnough ? 1.0 / heard_ : kMean);
  if (heard_ < kEnough) return;
  const double most = std::clamp(kLoudestNoise - noise_floor, 0.0, kMostUp);
  const double wanted = std::clamp(kTarget - 10 * std::log10(speech_), -kMostDown, most);
  moving_ = std::abs(wanted - gain_) > (moving_ ? kClose : kTolerance);
  if (!moving_) return;
  gain_ += std::clamp(wanted - gain_, -kDown, kUp);
  factor_ = static_cast<float>(std::pow(10, gain_ / 20));
}

}  // namespace partyline::mixer
