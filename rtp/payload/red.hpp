// RED: redundant audio data (RFC 2198): older packets' payloads in front of a packet's own.
//
//   |1|  block PT   |  timestamp offset (14 bits)   | block length (10) |   one for each older block, oldest first
//   |0|  block PT   |                                                       the packet's own
//   | the blocks' bytes, in the same order, the last up to the packet's end …
//
// Thread: pure functions and plain values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace partyline::rtp {

struct RedBlock {
  uint8_t payload_type = 0;
  uint16_t time_offset = 0;  ///< RTP time before the packet's; 0: the packet's own
  std::span<const uint8_t> data;
};

struct RedPacket {
  static constexpr size_t kMostOlder = 8;
  std::array<RedBlock, kMostOlder> older{};  ///< oldest first
  size_t older_count = 0;
  RedBlock own;
};

/// Nothing for what is no whole, consistent RED payload, or has more than kMostOlder older blocks.
std::optional<RedPacket> parse_red(std::span<const uint8_t> payload);

inline constexpr uint32_t kMostRedOffset = 0x3FFF;
inline constexpr size_t kMostRedBytes = 0x3FF;

/// The header of an older block; `time_offset` ≤ kMostRedOffset, `bytes` ≤ kMostRedBytes.
std::array<uint8_t, 4> red_header(uint8_t payload_type, uint32_t time_offset, size_t bytes);

}  // namespace partyline::rtp
