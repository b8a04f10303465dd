#include "mixer/audio/limiter.hpp"

namespace partyline::mixer {
namespace {
constexpr size_t kParts = 4;
constexpr size_t kPart = kTickSamples / kParts;
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
}  // namespace

void Limiter::process(Block& block) {
  std::array<float, kParts> wanted;
  bool busy = gain_ < 1;
  for (size_t part = 0; part < kParts; ++part) {
    float peak = 0;
    for (size_t i = part * kPart; i < (part + 1) * kPart; ++i) peak = std::max(peak, std::fabs(block[i]));
    wanted[part] = peak > kCeiling ? kCeiling / peak : 1;
    busy = busy || peak > kKnee;
  }
  if (!busy) return;
  for (size_t part = 0; part < kParts; ++part) {
    // The end of this part must suit the next one too.
    const float next = part + 1 < kParts ? std::min(wanted[part], wanted[part + 1]) : wanted[part];
    const float end = std::min({1.0F, next, gain_ * kRecovery});
    const float start = gain_;
    for (size_t i = 0; i < kPart; ++i) {
      const float along = static_cast<float>(i) / static_cast<float>(kPart);
      float& sample = block[part * kPart + i];
      sample = bend(sample * (start + (end - start) * along));
    }
    gain_ = end;
  }
}

}  // namespace partyline::mixer
