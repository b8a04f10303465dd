// H.264 and VP8 payloads through the assembler: one control byte, one length byte, one payload, again. Whatever picture
// comes out is cut into packets and put together once more, and must be the same.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "rtp/jitter/frame_assembler.hpp"

using namespace partyline;
using namespace partyline::rtp;

namespace {
std::vector<std::vector<uint8_t>> units_of(std::span<const uint8_t> access_unit) {
  std::vector<std::vector<uint8_t>> units;
  h264::AnnexBReader reader(access_unit);
  while (const auto nal = reader.next()) {
    const uint8_t type = h264::nal_type((*nal)[0]);
    if (type != 0 && type < h264::stap_a && type != h264::access_unit_delimiter && type != h264::filler)
      units.emplace_back(nal->begin(), nal->end());
  }
  return units;
}

template <class Depacketizer>
auto join(const PayloadPlan& plan, size_t max_payload) {
  Depacketizer depacketizer;
  for (size_t i = 0; i < plan.packets(); ++i) {
    std::vector<uint8_t> payload;
    for (const auto& piece : plan.packet(i)) {
      payload.insert(payload.end(), piece.prefix_bytes().begin(), piece.prefix_bytes().end());
      payload.insert(payload.end(), piece.body.begin(), piece.body.end());
    }
    if (payload.size() > max_payload) std::abort();
    const auto packet = core::Buffer::copy_of(payload);
    if (!depacketizer.add(packet, packet.span())) std::abort();
  }
  return depacketizer.finish();
}

void check(const FrameAssembler::Picture& picture, size_t max_payload) {
  PayloadPlan plan;
  if (picture.codec == core::Codec::vp8) {
    vp8::packetize(picture.buffer.span(), 77, max_payload, plan);
    const auto again = join<vp8::Depacketizer>(plan, max_payload);
    if (!again || again->keyframe != picture.keyframe ||
        !std::ranges::equal(again->buffer.span(), picture.buffer.span()))
      std::abort();
    return;
  }
  if (h264::packetize(picture.buffer.span(), 1, max_payload, plan) != 0) std::abort();
  const auto again = join<h264::Depacketizer>(plan, max_payload);
  if (!again || units_of(again->buffer.span()) != units_of(picture.buffer.span())) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  size = std::min<size_t>(size, 8192);
  FrameAssembler assembler;
  std::vector<FrameAssembler::Picture> pictures;
  VideoPacket packet;
  for (size_t at = 0; at + 2 < size;) {
    const uint8_t control = data[at];
    const size_t length = std::min<size_t>(data[at + 1] + (control >> 4) * 256U, size - at - 2);
    packet.buffer = core::Buffer::copy_of({data + at + 2, length});
    packet.payload = packet.buffer.span();
    packet.marker = control & 1;
    packet.rtp_time += control & 2 ? 3000 : 0;
    packet.codec = control & 8 ? core::Codec::vp8 : core::Codec::h264;
    ++packet.sequence;
    assembler.add(packet, control & 4, pictures);
    at += 2 + length;
  }
  for (const auto& picture : pictures) check(picture, 24 + size % 1200);
  return 0;
}
