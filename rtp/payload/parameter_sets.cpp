#include "rtp/payload/parameter_sets.hpp"

#include <algorithm>
#include <array>

#include "rtp/bytes.hpp"
#include "rtp/payload/bit_reader.hpp"
#include "rtp/payload/h264.hpp"

namespace partyline::rtp::h264 {
namespace {

constexpr size_t kMaxSetBytes = 512, kMaxSps = 4, kMaxPps = 8;
constexpr uint8_t kStartCode[4] = {0, 0, 0, 1};
/// Profiles whose SPS tells the chroma format (H.264 §7.3.2.1.1).
constexpr std::array<uint8_t, 9> kHighProfiles{100, 110, 122, 244, 44, 83, 86, 118, 128};

/// One scaling list (§7.3.2.1.1.1); false when it runs out.
bool skip_scaling_list(BitReader& reader, int size) {
  int last = 8, next = 8;
  for (int i = 0; i < size; ++i) {
    if (next != 0) {
      const auto delta = reader.se();
      if (!delta) return false;
      next = (last + *delta + 256) % 256;
    }
    if (next != 0) last = next;
  }
  return true;
}

bool skip_chroma_format(BitReader& reader) {
  const auto chroma = reader.ue();
  if (!chroma || *chroma == 3) return false;  // 4:4:4 may put a colour plane before frame_num; nobody sends it
  if (!reader.ue() || !reader.ue() || !reader.bits(1)) return false;
  const auto matrix = reader.bits(1);
  if (!matrix) return false;
  for (int i = 0; *matrix != 0 && i < 8; ++i) {
    const auto present = reader.bits(1);
    if (!present || (*present != 0 && !skip_scaling_list(reader, i < 6 ? 16 : 64))) return false;
  }
  return true;
}

/// Bits of frame_num; 0 when the SPS is not understood.
uint32_t frame_num_bits(std::span<const uint8_t> nal) {
  BitReader reader(nal.subspan(4));
  if (!reader.ue()) return 0;
  if (std::ranges::find(kHighProfiles, nal[1]) != kHighProfiles.end() && !skip_chroma_format(reader)) return 0;
  const auto minus4 = reader.ue();
  return minus4 && *minus4 <= 12 ? *minus4 + 4 : 0;
}

}  // namespace

void ParameterSets::remember(std::span<const uint8_t> nal) {
  if (nal.size() < 2 || nal.size() > kMaxSetBytes) return;
  const bool is_sps = nal_type(nal[0]) == sps;
  if (is_sps && nal.size() < 5) return;
  auto& sets = is_sps ? sps_ : pps_;
  const auto same = [&](const Set& set) { return std::ranges::equal(set.nal, nal); };
  if (std::ranges::any_of(sets, same)) return;
  // SPS: header, profile, constraints, level, then the id; PPS: header, then its id and its SPS's.
  BitReader reader(nal.subspan(is_sps ? 4 : 1));
  const auto id = reader.ue();
  if (!id) return;
  const uint32_t detail = is_sps ? frame_num_bits(nal) : reader.ue().value_or(UINT32_MAX);
  const auto found = std::ranges::find(sets, *id, &Set::id);
  if (found != sets.end()) {
    found->nal.assign(nal.begin(), nal.end());
    found->detail = detail;
    return;
  }
  if (sets.size() == (is_sps ? kMaxSps : kMaxPps)) sets.erase(sets.begin());
  sets.push_back({*id, {nal.begin(), nal.end()}, detail});
}

size_t ParameterSets::annex_b_bytes(uint8_t type) const {
  size_t bytes = 0;
  for (const Set& set : type == sps ? sps_ : pps_) bytes += sizeof kStartCode + set.nal.size();
  return bytes;
}

uint8_t* ParameterSets::write_annex_b(uint8_t type, uint8_t* out) const {
  for (const Set& set : type == sps ? sps_ : pps_) {
    out = std::copy(std::begin(kStartCode), std::end(kStartCode), out);
    out = std::copy(set.nal.begin(), set.nal.end(), out);
  }
  return out;
}

void ParameterSets::read_slice(uint8_t header, std::span<const uint8_t> body, PictureInfo& info) const {
  info.keyframe = nal_type(header) == idr;
  info.disposable = (header & 0x60) == 0;
  // first_mb_in_slice, slice_type, pic_parameter_set_id, frame_num (§7.3.3).
  BitReader reader(body);
  const auto first = reader.ue();
  info.starts = first == 0u;
  if (!first || !reader.ue()) return;
  const auto pps_id = reader.ue();
  const auto picture_set = std::ranges::find(pps_, pps_id.value_or(UINT32_MAX), &Set::id);
  if (picture_set == pps_.end()) return;
  const auto sequence_set = std::ranges::find(sps_, picture_set->detail, &Set::id);
  if (sequence_set == sps_.end() || sequence_set->detail == 0) return;
  info.frame_num = reader.bits(sequence_set->detail);
  info.frame_num_modulus = uint32_t{1} << sequence_set->detail;
}

PictureInfo ParameterSets::picture_info(std::span<const uint8_t> payload) const {
  PictureInfo info;
  if (payload.size() < 2) return info;
  const auto visit = [&](uint8_t header, std::span<const uint8_t> body) {
    switch (nal_type(header)) {
      case sps:
        info.starts = info.keyframe = info.parameter_sets = true;
        return true;
      case access_unit_delimiter:
        info.starts = true;
        return false;
      case slice:
      case partition_a:
      case idr:
        read_slice(header, body, info);
        return true;
      default:
        return false;
    }
  };
  const uint8_t type = nal_type(payload[0]);
  if (type == fu_a) {
    if ((payload[1] & 0x80) != 0) {
      visit(static_cast<uint8_t>((payload[0] & 0xE0) | nal_type(payload[1])), payload.subspan(2));
    } else {
      info.keyframe = nal_type(payload[1]) == idr;
      info.disposable = (payload[0] & 0x60) == 0;
    }
  } else if (type == stap_a) {
    for (size_t at = 1; at + 2 < payload.size();) {
      const size_t size = read_u16(&payload[at]);
      at += 2;
      if (size == 0 || size > payload.size() - at || visit(payload[at], payload.subspan(at + 1, size - 1))) break;
      at += size;
    }
  } else {
    visit(payload[0], payload.subspan(1));
  }
  return info;
}

}  // namespace partyline::rtp::h264
