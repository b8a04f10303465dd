// RTP packets (RFC 3550 §5.1) with header extensions (RFC 8285, one- and two-byte), as views over the caller's bytes.
//
//    0                   1                   2                   3
//   |V=2|P|X|  CC   |M|     PT      |       sequence number         |
//   |                           timestamp                           |
//   |                             SSRC                              |
//   |                     CSRC × CC  (4 bytes each)                 |
//   | X: profile 0xBEDE / 0x100y    |     length in 32-bit words    |
//   |                 extension elements, padded with 0             |
//   |                 payload …           | P: padding … | pad count|
//
// Thread: pure functions and plain values. Not done: extension profiles other than RFC 8285's (skipped, kept as bytes).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "rtp/wire_types.hpp"

namespace partyline::rtp {

inline constexpr size_t kRtpHeaderBytes = 12;

/// True for RTCP on a port shared with RTP (RFC 5761 §4): payload types 64…95 after the marker bit. Looks at two bytes.
inline bool is_rtcp(std::span<const uint8_t> packet) {
  return packet.size() >= 2 && (packet[0] & 0xC0) == 0x80 && packet[1] >= 192 && packet[1] <= 223;
}

/// A parsed packet; valid as long as the bytes it was parsed from.
struct PacketView {
  bool marker = false;
  uint8_t payload_type = 0;
  Seq16 sequence;
  RtpTime32 timestamp;
  uint32_t ssrc = 0;
  uint8_t csrc_count = 0;
  uint16_t extension_profile = 0;           ///< 0: no extension
  std::span<const uint8_t> extension_data;  ///< behind profile and length
  std::span<const uint8_t> payload;         ///< without padding
  size_t header_bytes = 0;                  ///< up to the payload
  size_t padding_bytes = 0;

  /// The value of the RFC 8285 element `id` (1…14 one-byte, 1…255 two-byte form), the first if there are several.
  std::optional<std::span<const uint8_t>> extension(uint8_t id) const;
  /// transport-cc number, audio level (RFC 6464) by their negotiated ids; id 0 finds nothing.
  std::optional<Seq16> transport_sequence(uint8_t id) const;
  std::optional<uint8_t> audio_level(uint8_t id) const;
};

/// Nothing for anything that is not a whole, consistent RTP packet.
std::optional<PacketView> parse_packet(std::span<const uint8_t> packet);

struct PacketHeader {
  bool marker = false;
  uint8_t payload_type = 0;
  Seq16 sequence;
  RtpTime32 timestamp;
  uint32_t ssrc = 0;
};

/// Writes one packet front to back: constructor, add_extension*, then payload bytes. Extensions are one-byte elements
/// (ids 1…14, 1…16 bytes). Calls that do not fit return false / an empty span and leave the packet as it was.
class PacketWriter {
 public:
  PacketWriter(std::span<uint8_t> out, const PacketHeader& header);

  bool add_extension(uint8_t id, std::span<const uint8_t> value);
  /// Closes the header and returns the room left for payload.
  std::span<uint8_t> payload_room();
  /// Closes the header, copies payload behind what is already there.
  bool append(std::span<const uint8_t> bytes);
  /// Claims bytes already written into payload_room().
  bool commit(size_t bytes);
  std::span<uint8_t> packet() const { return out_.first(size_); }

 private:
  void close_header();

  std::span<uint8_t> out_;
  size_t size_ = 0;
  size_t extension_start_ = 0;  ///< 0: no extension yet
  bool header_open_ = true;
};

// In-place changes of a packet that parse_packet accepted (an SFU's forwarding, retransmissions).
void set_marker(std::span<uint8_t> packet, bool marker);
void set_payload_type(std::span<uint8_t> packet, uint8_t payload_type);
void set_sequence(std::span<uint8_t> packet, Seq16 sequence);
void set_timestamp(std::span<uint8_t> packet, RtpTime32 timestamp);
void set_ssrc(std::span<uint8_t> packet, uint32_t ssrc);
/// Overwrites the value of an extension of the same size; false if it is not there.
bool set_extension(std::span<uint8_t> packet, uint8_t id, std::span<const uint8_t> value);

}  // namespace partyline::rtp
