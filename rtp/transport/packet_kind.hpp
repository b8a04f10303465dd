// Tells the protocols that share a port apart by the first two bytes (RFC 7983 §7, RFC 5761 §4).
//
//   first byte   0…3 STUN   20…63 DTLS   128…191 RTP or RTCP, told apart by the second byte: 192…223 is RTCP
//
// Thread: pure function.
#pragma once

#include <cstdint>
#include <span>

namespace partyline::rtp {

enum class PacketKind : uint8_t { stun, dtls, rtp, rtcp, unknown };

/// Says only what a packet claims to be: its length is checked against the protocol's fixed header, nothing else.
constexpr PacketKind classify(std::span<const uint8_t> packet) {
  if (packet.size() < 8) return PacketKind::unknown;  // the shortest of all: an empty RTCP receiver report
  const uint8_t first = packet[0];
  if (first <= 3) return packet.size() >= 20 ? PacketKind::stun : PacketKind::unknown;
  if (first >= 20 && first <= 63) return packet.size() >= 13 ? PacketKind::dtls : PacketKind::unknown;
  if (first < 128 || first > 191) return PacketKind::unknown;
  if (packet[1] >= 192 && packet[1] <= 223) return PacketKind::rtcp;
  return packet.size() >= 12 ? PacketKind::rtp : PacketKind::unknown;
}

/// Bytes 8…11 of an RTP packet of at least 12 bytes, network order (RFC 3550 §5.1).
constexpr uint32_t ssrc_of_rtp(std::span<const uint8_t> packet) {
  return uint32_t{packet[8]} << 24 | uint32_t{packet[9]} << 16 | uint32_t{packet[10]} << 8 | uint32_t{packet[11]};
}

}  // namespace partyline::rtp
