#include "rtp/payload/red.hpp"

namespace partyline::rtp {

std::optional<RedPacket> parse_red(std::span<const uint8_t> payload) {
  RedPacket packet;
  std::array<size_t, RedPacket::kMostOlder> sizes{};
  size_t at = 0;
  for (; at < payload.size() && (payload[at] & 0x80); at += 4) {
    if (payload.size() - at < 4 || packet.older_count == RedPacket::kMostOlder) return std::nullopt;
    RedBlock& block = packet.older[packet.older_count];
    block.payload_type = payload[at] & 0x7F;
    block.time_offset = static_cast<uint16_t>(payload[at + 1] << 6 | payload[at + 2] >> 2);
    sizes[packet.older_count++] = static_cast<size_t>((payload[at + 2] & 3) << 8 | payload[at + 3]);
  }
  if (at >= payload.size()) return std::nullopt;
  packet.own.payload_type = payload[at++];
  for (size_t i = 0; i < packet.older_count; ++i) {
    if (payload.size() - at < sizes[i]) return std::nullopt;
    packet.older[i].data = payload.subspan(at, sizes[i]);
    at += sizes[i];
  }
  packet.own.data = payload.subspan(at);
  return packet;
}

std::array<uint8_t, 4> red_header(uint8_t payload_type, uint32_t time_offset, size_t bytes) {
  return {static_cast<uint8_t>(0x80 | payload_type), static_cast<uint8_t>(time_offset >> 6),
          static_cast<uint8_t>(time_offset << 2 | bytes >> 8), static_cast<uint8_t>(bytes)};
}

}  // namespace partyline::rtp
