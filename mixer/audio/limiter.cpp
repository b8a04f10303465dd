#include "mixer/audio/limiter.hpp"

namespace partyline::mixer {
namespace {
constexpr size_t kParts = 4;
constexpr float kCeiling = 0.944F;    // -0.5 dBFS
constexpr float kKnee = kCeiling;     // where bending starts
constexpr float kRecovery = 1.0593F;  // 0.5 dB a part

float bend(float sample) {
  const float size = std::fabs(sample);
  if (size <= kKnee) return sample;
  constexpr float kRoom = 0.99F - kKnee;
  const float over = (size - kKnee) / kRoom;
  return std::copysign(kKnee + kRoom * (over / (1 + over)), sample);
}

void turn_down(std::span<float> samples, float start, float step) {
  for (size_t i = 0; i < samples.size(); ++i) samples[i] *= start + step * static_cast<float>(i);
  if (peak_of(samples) > kKnee) {
    for (float& sample : samples) sample = bend(sample);
  }
}
}  // namespace

void Limiter::process(std::span<float> block, std::span<float> right) {
  const size_t length = block.size() / kParts;
  std::array<float, kParts> wanted;
  bool busy = gain_ < 1;
  for (size_t part = 0; part < kParts; ++part) {
    float peak = peak_of(block.subspan(part * length, length));
    if (!right.empty()) peak = std::max(peak, peak_of(right.subspan(part * length, length)));
    wanted[part] = peak > kCeiling ? kCeiling / peak : 1;
    busy = busy || peak > kKnee;
  }
  if (!busy) return;
  for (size_t part = 0; part < kParts; ++part) {
    // The end of this part must suit the next one too.
    const float next = part + 1 < kParts ? std::min(wanted[part], wanted[part + 1]) : wanted[part];
    const float end = std::min({1.0F, next, gain_ * kRecovery});
    const float step = (end - gain_) / static_cast<float>(length);
    turn_down(block.subspan(part * length, length), gain_, step);
    if (!right.empty()) turn_down(right.subspan(part * length, length), gain_, step);
    gain_ = end;
  }
}

}  // namespace partyline::mixer
