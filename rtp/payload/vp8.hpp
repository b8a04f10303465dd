// VP8 over RTP (RFC 7741).
//
//   |X|R|N|S|R| PID |   X: |I|L|T|K|RSV|   I: |M| picture id (7 or 15) |   L: TL0PICIDX   T/K: |TID|Y|KEYIDX|
//
// Thread: pure functions, plain values. Not done: sending temporal layers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/buffer.hpp"
#include "rtp/payload/payload_plan.hpp"
#include "rtp/payload/picture_info.hpp"

namespace partyline::rtp::vp8 {

struct Descriptor {
  bool starts_frame = false;  ///< S and partition 0
  bool disposable = false;    ///< N: no other frame needs it
  std::optional<uint16_t> picture_id;
  bool wide_picture_id = false;       ///< 15 bits, else 7
  std::optional<uint8_t> base_index;  ///< TL0PICIDX
  std::optional<uint8_t> temporal_id;
  bool layer_sync = false;  ///< Y
  std::span<const uint8_t> body;
};
/// Nothing when the descriptor is cut short or nothing follows it.
std::optional<Descriptor> parse(std::span<const uint8_t> payload);

/// The same as the decodability's words.
PictureInfo picture_info(std::span<const uint8_t> payload);

/// Cuts a frame into payloads of at most `max_payload` bytes with a 15-bit picture id.
void packetize(std::span<const uint8_t> frame, uint16_t picture_id, size_t max_payload, PayloadPlan& plan);

/// Collects the payloads of one frame, in order.
class Depacketizer {
 public:
  bool add(const core::Buffer& packet, std::span<const uint8_t> payload);
  struct Picture {
    core::Buffer buffer;
    bool keyframe = false;
  };
  std::optional<Picture> finish();
  void clear();
  bool empty() const { return parts_.empty(); }

 private:
  std::vector<core::Buffer> packets_;
  std::vector<std::span<const uint8_t>> parts_;
};

}  // namespace partyline::rtp::vp8
