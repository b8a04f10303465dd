#include "sfu/picture_size.hpp"

#include "rtp/payload/bit_reader.hpp"
#include "rtp/payload/vp8.hpp"

namespace partyline::sfu {
namespace {

using core::VideoSize;

constexpr uint8_t kSps = 7, kStapA = 24;
constexpr uint32_t kMostMacroblocks = 512;  // a side

std::optional<VideoSize> vp8_size(std::span<const uint8_t> payload) {
  const auto descriptor = rtp::vp8::parse(payload);
  if (!descriptor || !descriptor->starts_frame) return std::nullopt;
  const auto frame = descriptor->body;  // 3 bytes of tag, 9D 01 2A, then width and height with two bits of scale each
  if (frame.size() < 10 || (frame[0] & 1) != 0 || frame[3] != 0x9D || frame[4] != 0x01 || frame[5] != 0x2A)
    return std::nullopt;
  return VideoSize{(frame[7] & 0x3F) << 8 | frame[6], (frame[9] & 0x3F) << 8 | frame[8]};
}

std::span<const uint8_t> find_sps(std::span<const uint8_t> payload) {
  if (payload.empty()) return {};
  if ((payload[0] & 0x1F) == kSps) return payload;
  if ((payload[0] & 0x1F) != kStapA) return {};
  for (size_t at = 1; at + 3 <= payload.size();) {
    const size_t size = static_cast<size_t>(payload[at]) << 8 | payload[at + 1];
    if (size == 0 || at + 2 + size > payload.size()) return {};
    if ((payload[at + 2] & 0x1F) == kSps) return payload.subspan(at + 2, size);
    at += 2 + size;
  }
  return {};
}

/// Leaves the reader before max_num_ref_frames.
bool skip_picture_order(rtp::h264::BitReader& reader) {
  const auto type = reader.ue();
  if (!type || *type > 2) return false;
  if (*type == 0) return reader.ue().has_value();
  if (*type == 2) return true;
  if (!reader.bits(1) || !reader.se() || !reader.se()) return false;
  const auto cycle = reader.ue();
  if (!cycle || *cycle > 255) return false;
  for (uint32_t i = 0; i < *cycle; ++i)
    if (!reader.se()) return false;
  return true;
}

std::optional<VideoSize> h264_size(std::span<const uint8_t> payload) {
  const auto sps = find_sps(payload);
  if (sps.size() < 5 || (sps[1] != 66 && sps[1] != 77)) return std::nullopt;  // others have a chroma format first
  rtp::h264::BitReader reader(sps.subspan(4));
  if (!reader.ue() || !reader.ue() || !skip_picture_order(reader)) return std::nullopt;  // id, log2_max_frame_num
  if (!reader.ue() || !reader.bits(1)) return std::nullopt;                              // reference frames, gaps
  const auto wide = reader.ue(), high = reader.ue();
  if (!wide || !high || *wide >= kMostMacroblocks || *high >= kMostMacroblocks) return std::nullopt;
  // What is cropped is less than a macroblock: no matter here.
  return VideoSize{static_cast<int>(*wide + 1) * 16, static_cast<int>(*high + 1) * 16};
}

}  // namespace

std::optional<core::VideoSize> picture_size(core::Codec codec, std::span<const uint8_t> payload) {
  if (codec == core::Codec::vp8) return vp8_size(payload);
  return codec == core::Codec::h264 ? h264_size(payload) : std::nullopt;
}

}  // namespace partyline::sfu
