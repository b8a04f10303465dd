// H.264 over RTP (RFC 6184): single NAL units, STAP-A and FU-A.
//
//   NAL header |F|NRI|Type|      STAP-A 24: |hdr| size16 NAL | size16 NAL …     FU-A 28: |F NRI 28| S E R Type | part …
//
// Not done: STAP-B, MTAP, FU-B (interleaved mode 2, which nobody negotiates). Thread: pure functions, plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/buffer.hpp"
#include "rtp/payload/parameter_sets.hpp"
#include "rtp/payload/payload_plan.hpp"

namespace partyline::rtp::h264 {

enum Nal : uint8_t {
  slice = 1,
  partition_a = 2,
  idr = 5,
  sei = 6,
  sps = 7,
  pps = 8,
  access_unit_delimiter = 9,
  filler = 12,
  stap_a = 24,
  fu_a = 28,
};
inline uint8_t nal_type(uint8_t header) {
  return header & 0x1F;
}

/// Walks the NAL units of an Annex B byte stream (RFC 6184 says nothing of start codes: they stop at our edge).
class AnnexBReader {
 public:
  explicit AnnexBReader(std::span<const uint8_t> stream);
  /// The next non-empty NAL unit without start code and trailing zeros.
  std::optional<std::span<const uint8_t>> next();

 private:
  std::span<const uint8_t> stream_;
  size_t at_ = 0;  ///< behind a start code
};

/// Cuts an access unit into payloads of at most `max_payload` bytes. Mode 1: parameter sets and SEI travel together as
/// STAP-A, large NAL units as FU-A. Mode 0: single NAL units only. Delimiters and filler are left out. Returns the
/// number of NAL units too large for mode 0, which are left out.
size_t packetize(std::span<const uint8_t> access_unit, int packetization_mode, size_t max_payload, PayloadPlan& plan);

/// True when this payload can only be the first of an access unit, or holds its first slice (first_mb_in_slice == 0):
/// what tells after a loss that the picture is whole from here on.
bool starts_access_unit(std::span<const uint8_t> payload);

/// Collects the payloads of one access unit, in order, as views into the packets it holds, and writes it as Annex B.
class Depacketizer {
 public:
  /// False when the payload is malformed or does not continue what came before: the access unit is broken.
  bool add(const core::Buffer& packet, std::span<const uint8_t> payload);
  /// The access unit, or nothing when it has no picture in it (parameter sets alone are remembered) or is broken.
  /// An IDR picture gets the remembered parameter sets that it lacks in front. Clears the collection.
  struct Picture {
    core::Buffer buffer;
    bool keyframe = false;  ///< IDR with SPS and PPS
    bool idr = false;
    bool own_sets = false;  ///< SPS and PPS came with it
  };
  std::optional<Picture> finish();
  void clear();
  bool empty() const { return parts_.empty(); }
  /// The last NAL unit came in fragments and its end did not: nothing that finish() could hand out.
  bool unfinished() const { return in_fragment_; }
  ParameterSets& sets() { return sets_; }
  const ParameterSets& sets() const { return sets_; }

 private:
  struct Part {
    std::span<const uint8_t> bytes;
    uint8_t header = 0;         ///< of the NAL unit, when starts
    bool starts = false;        ///< a NAL unit begins here: write a start code
    bool write_header = false;  ///< FU-A: the NAL header is not among `bytes`
  };
  bool add_nal(std::span<const uint8_t> nal);
  bool add_fragment(std::span<const uint8_t> payload);

  ParameterSets sets_;
  std::vector<core::Buffer> packets_;
  std::vector<Part> parts_;
  bool in_fragment_ = false;
  bool has_picture_ = false, has_idr_ = false, has_sps_ = false, has_pps_ = false;
};

}  // namespace partyline::rtp::h264
