// H.264 parameter sets of one source, in band or from SDP (sprop-parameter-sets, RFC 6184 §8.1). Thread: plain value.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "rtp/payload/picture_info.hpp"

namespace partyline::rtp::h264 {

/// SPS and PPS by their ids, for senders that send them once or apart from their pictures. Bounded: 4 SPS and 8 PPS of
/// 512 bytes each; more replace the oldest.
class ParameterSets {
 public:
  void remember(std::span<const uint8_t> nal);
  bool complete() const { return !sps_.empty() && !pps_.empty(); }
  size_t annex_b_bytes(uint8_t type) const;
  /// Writes all sets of `type` (sps or pps) with start codes; returns the end.
  uint8_t* write_annex_b(uint8_t type, uint8_t* out) const;
  /// What the payload of one packet tells of its access unit.
  PictureInfo picture_info(std::span<const uint8_t> payload) const;

 private:
  struct Set {
    uint32_t id = 0;
    std::vector<uint8_t> nal;
    /// SPS: bits of frame_num, 0: not understood. PPS: id of its SPS.
    uint32_t detail = 0;
  };
  void read_slice(uint8_t header, std::span<const uint8_t> body, PictureInfo& info) const;

  std::vector<Set> sps_, pps_;
};

}  // namespace partyline::rtp::h264
