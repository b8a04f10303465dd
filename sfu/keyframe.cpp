#include "sfu/keyframe.hpp"

namespace partyline::sfu {
namespace {

constexpr uint8_t kIdr = 5, kSps = 7, kStapA = 24, kFuA = 28;

bool is_key_unit(uint8_t header) {
  const uint8_t type = header & 0x1F;
  return type == kIdr || type == kSps;
}

bool h264_starts_keyframe(std::span<const uint8_t> payload) {
  const uint8_t type = payload[0] & 0x1F;
  if (type == kFuA) return payload.size() >= 2 && (payload[1] & 0x80) != 0 && is_key_unit(payload[1]);
  if (type != kStapA) return is_key_unit(payload[0]);
  for (size_t at = 1; at + 3 <= payload.size();) {
    const size_t size = static_cast<size_t>(payload[at]) << 8 | payload[at + 1];
    if (size == 0 || at + 2 + size > payload.size()) return false;
    if (is_key_unit(payload[at + 2])) return true;
    at += 2 + size;
  }
  return false;
}

//  |X|R|N|S|R| PID |   X: |I|L|T|K| RSV |   I: 1 or 2 bytes, L: 1, T or K: 1;   then the frame: bit 0 of byte 0 is
//  the inverse key frame flag.
bool vp8_starts_keyframe(std::span<const uint8_t> payload) {
  if ((payload[0] & 0x17) != 0x10) return false;  // S set, partition 0
  size_t at = 1;
  if (payload[0] & 0x80) {
    if (payload.size() < 2) return false;
    const uint8_t extension = payload[1];
    at = 2;
    if (extension & 0x80) {
      if (at >= payload.size()) return false;
      at += payload[at] & 0x80 ? 2 : 1;
    }
    if (extension & 0x40) at += 1;
    if (extension & 0x30) at += 1;
  }
  return at < payload.size() && (payload[at] & 1) == 0;
}

}  // namespace

bool starts_keyframe(core::Codec codec, std::span<const uint8_t> payload) {
  if (payload.empty()) return false;
  if (codec == core::Codec::h264) return h264_starts_keyframe(payload);
  return codec == core::Codec::vp8 && vp8_starts_keyframe(payload);
}

}  // namespace partyline::sfu
