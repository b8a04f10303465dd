// What one packet's payload tells of its picture: whether the picture begins here, and what it needs to be decoded.
// Everything beyond the first line of fields is a hint that a sender may or may not give. Thread: plain value.
#pragma once

#include <cstdint>
#include <optional>

namespace partyline::rtp {

struct PictureInfo {
  bool starts = false;          ///< the picture's first packet, or the one with its first slice
  bool keyframe = false;        ///< begins one, as far as this packet shows
  bool parameter_sets = false;  ///< H.264: an SPS is in it
  bool disposable = false;      ///< no other picture needs it: nal_ref_idc 0; VP8's N bit
  // H.264: frame_num (H.264 §7.4.3) counts reference pictures modulo frame_num_modulus.
  std::optional<uint32_t> frame_num;
  uint32_t frame_num_modulus = 0;
  // VP8 (RFC 7741 §4.2).
  std::optional<uint16_t> picture_id;
  uint32_t picture_id_modulus = 0;     ///< 128 or 32768
  std::optional<uint8_t> base_index;   ///< TL0PICIDX: counts base layer pictures modulo 256
  std::optional<uint8_t> temporal_id;  ///< 0: base layer
  bool layer_sync = false;             ///< Y: needs the base layer only
};

}  // namespace partyline::rtp
