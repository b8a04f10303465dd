#include "rtp/jitter/frame_assembler.hpp"

#include <algorithm>
#include <utility>

namespace partyline::rtp {

void FrameAssembler::restart() {
  h264_ = {};
  vp8_ = {};
  collecting_ = broken_ = start_unsure_ = lost_ = had_keyframe_ = false;
}

void FrameAssembler::abandon() {
  h264_.clear();
  vp8_.clear();
  collecting_ = broken_ = false;
  lost_ = keyframe_wish_ = true;
  ++drops_.broken;
}

bool FrameAssembler::collect(const VideoPacket& packet) {
  return codec_ == core::Codec::vp8 ? vp8_.add(packet.buffer, packet.payload)
                                    : h264_.add(packet.buffer, packet.payload);
}

void FrameAssembler::begin(const VideoPacket& packet) {
  if (packet.codec != codec_) {
    codec_ = packet.codec;
    h264_ = {};
    vp8_ = {};
    had_keyframe_ = false;
  }
  bool starts = !start_unsure_;
  if (!starts && codec_ == core::Codec::h264) starts = h264::starts_access_unit(packet.payload);
  if (!starts && codec_ == core::Codec::vp8) {
    const auto descriptor = vp8::parse(packet.payload);
    starts = descriptor && descriptor->starts_frame;
  }
  start_unsure_ = false;
  collecting_ = true;
  broken_ = !starts;
  rtp_time_ = packet.rtp_time;
  arrival_ = packet.arrival;
}

void FrameAssembler::add(const VideoPacket& packet, bool after_gap, std::vector<Picture>& out) {
  if (after_gap) {
    if (collecting_) abandon();
    lost_ = keyframe_wish_ = start_unsure_ = true;
  }
  if (packet.payload.empty()) return;  // padding: fills its sequence number, nothing else
  if (collecting_ && packet.rtp_time != rtp_time_) finish(out);
  if (!collecting_) begin(packet);
  arrival_ = std::max(arrival_, packet.arrival);
  if (!broken_ && !collect(packet)) broken_ = true;
  if (packet.marker) finish(out);
}

void FrameAssembler::finish(std::vector<Picture>& out) {
  if (broken_) {
    abandon();
    return;
  }
  collecting_ = false;
  if (codec_ == core::Codec::vp8) {
    if (auto picture = vp8_.finish()) deliver(std::move(picture->buffer), picture->keyframe, out);
    return;
  }
  auto picture = h264_.finish();
  if (!picture) return;  // parameter sets or SEI on their own
  if (picture->idr && !picture->keyframe) {
    ++drops_.without_parameter_sets;
    lost_ = keyframe_wish_ = true;
    return;
  }
  deliver(std::move(picture->buffer), picture->keyframe, out);
}

void FrameAssembler::deliver(core::Buffer buffer, bool keyframe, std::vector<Picture>& out) {
  if (!keyframe && !had_keyframe_) {
    ++drops_.before_keyframe;
    keyframe_wish_ = true;
    return;
  }
  const bool first = !std::exchange(had_keyframe_, true);
  const bool after_loss = std::exchange(lost_, false) && !first;
  if (keyframe) keyframe_wish_ = false;
  out.push_back({codec_, std::move(buffer), rtp_time_, arrival_, keyframe, after_loss});
}

}  // namespace partyline::rtp
