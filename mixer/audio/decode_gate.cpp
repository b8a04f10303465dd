#include "mixer/audio/decode_gate.hpp"

#include <algorithm>
#include <cmath>

namespace partyline::mixer {
namespace {

constexpr int kMostDistrust = 1 << 20;  // packets
constexpr double kFollow = 0.1;         // of a difference, a packet
constexpr double kWrong = 3;            // dB over the gate: louder than what is believed could be

}  // namespace

bool DecodeGate::believes(const PacketLoudness& said, double gate) const {
  if (distrust_ > 0) return false;
  if (said.nothing()) return true;
  return said.scale == scale_ && compared_ >= kEnough && std::abs(offset_) <= kMostOffset &&
         said.dbov + offset_ <= gate - kMargin;
}

bool DecodeGate::leaves_out(std::span<const uint8_t> packet, const std::optional<PacketLoudness>& said, double gate) {
  if (distrust_ > 0) --distrust_;
  probing_ = false;
  if (!said || packet.size() > kLongest || !believes(*said, gate)) return false;
  // Of what is sent in place of packets there is nothing to be seen.
  if (++since_probe_ < kProbeEvery || packet.size() <= kPlaceholder) return true;
  since_probe_ = 0;
  probing_ = true;
  return false;
}

void DecodeGate::keep(std::span<const uint8_t> packet) {
  const size_t at = kept_++ % kKept;
  sizes_[at] = static_cast<uint16_t>(packet.size());
  std::copy(packet.begin(), packet.end(), bytes_[at].begin());
}

void DecodeGate::on_decoded(const std::optional<PacketLoudness>& said, double level, double gate) {
  if (!said) return;
  const bool loud = level > gate;
  if (loud && level > gate + kWrong && believes(*said, gate)) {
    distrust_ = penalty_;
    penalty_ = std::min(2 * penalty_, kMostDistrust);
  }
  // Only what is quiet is compared: of voices, some scales tell other things than of noise.
  if (loud || said->nothing()) return;
  if (said->scale != scale_) {
    scale_ = said->scale;
    compared_ = 0;
  }
  const double difference = level - said->dbov;
  offset_ = compared_ == 0 ? difference : offset_ + (difference - offset_) * kFollow;
  compared_ = std::min(compared_ + 1, kEnough);
}

}  // namespace partyline::mixer
