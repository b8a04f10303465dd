#include "rtp/payload/vp8.hpp"

#include <algorithm>

#include "rtp/bytes.hpp"

namespace partyline::rtp::vp8 {
namespace {

constexpr size_t kMaxParts = 4096;
constexpr size_t kDescriptorBytes = 4;

}  // namespace

std::optional<Descriptor> parse(std::span<const uint8_t> payload) {
  if (payload.empty()) return std::nullopt;
  Descriptor descriptor;
  const uint8_t first = payload[0];
  descriptor.starts_frame = (first & 0x10) != 0 && (first & 0x07) == 0;
  descriptor.disposable = (first & 0x20) != 0;
  size_t at = 1;
  if (first & 0x80) {
    if (at >= payload.size()) return std::nullopt;
    const uint8_t extension = payload[at++];
    if (extension & 0x80) {
      if (at >= payload.size()) return std::nullopt;
      const bool wide = payload[at] & 0x80;
      if (at + (wide ? 2 : 1) > payload.size()) return std::nullopt;
      descriptor.picture_id = wide ? static_cast<uint16_t>(read_u16(&payload[at]) & 0x7FFF) : payload[at];
      descriptor.wide_picture_id = wide;
      at += wide ? 2 : 1;
    }
    if (extension & 0x40) {
      if (at >= payload.size()) return std::nullopt;
      descriptor.base_index = payload[at++];
    }
    if (extension & 0x30) {
      if (at >= payload.size()) return std::nullopt;
      if (extension & 0x20) descriptor.temporal_id = static_cast<uint8_t>(payload[at] >> 6);
      descriptor.layer_sync = (extension & 0x20) != 0 && (payload[at] & 0x20) != 0;
      ++at;
    }
  }
  if (at >= payload.size()) return std::nullopt;
  descriptor.body = payload.subspan(at);
  return descriptor;
}

PictureInfo picture_info(std::span<const uint8_t> payload) {
  PictureInfo info;
  const auto descriptor = parse(payload);
  if (!descriptor) return info;
  info.starts = descriptor->starts_frame;
  info.keyframe = descriptor->starts_frame && (descriptor->body[0] & 1) == 0;
  info.disposable = descriptor->disposable;
  info.picture_id = descriptor->picture_id;
  info.picture_id_modulus = descriptor->wide_picture_id ? 0x8000 : 0x80;
  info.base_index = descriptor->base_index;
  info.temporal_id = descriptor->temporal_id;
  info.layer_sync = descriptor->layer_sync;
  return info;
}

void packetize(std::span<const uint8_t> frame, uint16_t picture_id, size_t max_payload, PayloadPlan& plan) {
  plan.clear();
  if (frame.empty() || max_payload <= kDescriptorBytes) return;
  const size_t room = max_payload - kDescriptorBytes;
  const size_t parts = (frame.size() + room - 1) / room;
  const size_t part = (frame.size() + parts - 1) / parts;  // one size but the last: the kernel can cut that by itself
  for (size_t i = 0, from = 0; i < parts; ++i) {
    const size_t size = std::min(part, frame.size() - from);
    plan.add_piece({static_cast<uint8_t>(i == 0 ? 0x90 : 0x80), 0x80, static_cast<uint8_t>(0x80 | picture_id >> 8),
                    static_cast<uint8_t>(picture_id)},
                   frame.subspan(from, size));
    plan.end_packet();
    from += size;
  }
}

bool Depacketizer::add(const core::Buffer& packet, std::span<const uint8_t> payload) {
  if (payload.empty()) return true;
  const auto descriptor = parse(payload);
  if (!descriptor || descriptor->starts_frame != parts_.empty() || parts_.size() >= kMaxParts) return false;
  packets_.push_back(packet);
  parts_.push_back(descriptor->body);
  return true;
}

std::optional<Depacketizer::Picture> Depacketizer::finish() {
  if (parts_.empty()) return std::nullopt;
  size_t bytes = 0;
  for (const auto part : parts_) bytes += part.size();
  Picture picture{core::Buffer::allocate(bytes), (parts_[0][0] & 1) == 0};
  picture.buffer.resize(bytes);
  uint8_t* out = picture.buffer.data();
  for (const auto part : parts_) out = std::copy(part.begin(), part.end(), out);
  clear();
  return picture;
}

void Depacketizer::clear() {
  packets_.clear();
  parts_.clear();
}

}  // namespace partyline::rtp::vp8
