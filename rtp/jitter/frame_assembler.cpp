#include "rtp/jitter/frame_assembler.hpp"

#include <algorithm>
#include <utility>

namespace partyline::rtp {
namespace {

constexpr core::Duration kNoneWhole = std::chrono::milliseconds(500);

}  // namespace

void FrameAssembler::forget_packets() {
  h264_.clear();
  vp8_.clear();
  collecting_ = broken_ = false;
}

void FrameAssembler::restart() {
  h264_ = {};
  for (const auto& set : parameter_sets_) h264_.sets().remember(set);
  vp8_ = {};
  decodability_.restart();
  collecting_ = broken_ = start_unsure_ = left_out_ = had_keyframe_ = told_ = sets_in_band_ = false;
  lost_ = 0;
  none_whole_since_.reset();
}

void FrameAssembler::set_parameter_sets(const std::vector<std::vector<uint8_t>>& sets) {
  if (sets == parameter_sets_) return;
  parameter_sets_ = sets;
  for (const auto& set : parameter_sets_) h264_.sets().remember(set);
}

PictureInfo FrameAssembler::info_of(const VideoPacket& packet) const {
  return packet.codec == core::Codec::vp8 ? vp8::picture_info(packet.payload)
                                          : h264_.sets().picture_info(packet.payload);
}

void FrameAssembler::abandon() {
  forget_packets();
  ++drops_.broken;
  left_out_ = true;
  broken_keyframe_ = broken_keyframe_ || info_.keyframe;
  decodability_.on_broken(info_);
  // Whether the loss hurts shows in the next whole picture; that of a keyframe does for sure.
  if (!none_whole_since_) none_whole_since_ = arrival_;
  if (decodability_.broken() || arrival_ - *none_whole_since_ >= kNoneWhole) keyframe_wish_ = true;
}

bool FrameAssembler::collect(const VideoPacket& packet) {
  return codec_ == core::Codec::vp8 ? vp8_.add(packet.buffer, packet.payload)
                                    : h264_.add(packet.buffer, packet.payload);
}

void FrameAssembler::begin(const VideoPacket& packet) {
  if (packet.codec != codec_) {
    codec_ = packet.codec;
    restart();
  }
  info_ = {};
  collecting_ = true;
  start_lost_ = std::exchange(start_unsure_, false);
  broken_ = start_lost_ && !info_of(packet).starts;
  rtp_time_ = packet.rtp_time;
  arrival_ = packet.arrival;
}

/// Puts together what the packets of one picture tell.
void FrameAssembler::note(const PictureInfo& info) {
  info_.keyframe = info_.keyframe || info.keyframe;
  info_.disposable = info.disposable;
  if (!info_.frame_num && info.frame_num) {
    info_.frame_num = info.frame_num;
    info_.frame_num_modulus = info.frame_num_modulus;
  }
  if (info.picture_id) {
    info_.picture_id = info.picture_id;
    info_.picture_id_modulus = info.picture_id_modulus;
    info_.base_index = info.base_index;
    info_.temporal_id = info.temporal_id;
    info_.layer_sync = info.layer_sync;
  }
}

void FrameAssembler::add(const VideoPacket& packet, int64_t lost, std::vector<Picture>& out) {
  if (lost > 0) {
    lost_ += lost;
    // Without a marker the last picture may be whole and its end not known: it counts as broken.
    if (collecting_) abandon();
    left_out_ = start_unsure_ = true;
  }
  if (packet.payload.empty()) return;  // padding: fills its sequence number, nothing else
  if (collecting_ && packet.rtp_time != rtp_time_) finish(out);
  if (!collecting_) begin(packet);
  arrival_ = std::max(arrival_, packet.arrival);
  note(info_of(packet));
  if (!broken_ && !collect(packet)) broken_ = true;
  if (packet.marker) finish(out);
}

void FrameAssembler::finish(std::vector<Picture>& out) {
  const bool cut_off = codec_ == core::Codec::h264 && h264_.unfinished();
  if (broken_ || cut_off) {
    lost_ = std::max<int64_t>(lost_, 1);
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
  // What was lost right before a keyframe without its usual parameter sets may have been new ones.
  const bool sets_lost = picture->idr && start_lost_ && sets_in_band_ && !picture->own_sets;
  if (picture->keyframe && !sets_lost) sets_in_band_ = picture->own_sets;
  if (picture->idr && (!picture->keyframe || sets_lost)) {
    ++drops_.without_parameter_sets;
    left_out_ = keyframe_wish_ = true;
    decodability_.on_broken(info_);
    return;
  }
  deliver(std::move(picture->buffer), picture->keyframe, out);
}

void FrameAssembler::deliver(core::Buffer buffer, bool keyframe, std::vector<Picture>& out) {
  none_whole_since_.reset();
  if (!keyframe && !had_keyframe_) {
    ++drops_.before_keyframe;
    keyframe_wish_ = true;
    return;
  }
  info_.keyframe = keyframe;
  const auto verdict = decodability_.judge(info_, lost_, rtp_time_ - judged_);
  lost_ = 0;
  judged_ = rtp_time_;
  if (verdict != Decodability::Verdict::decodable) {
    ++drops_.undecodable;
    left_out_ = true;
    if (verdict == Decodability::Verdict::layer_broken) return;
    keyframe_wish_ = true;
    if (!std::exchange(told_, true)) out.push_back({codec_, std::move(buffer), rtp_time_, arrival_, false, true});
    return;
  }
  told_ = false;
  const bool first = !std::exchange(had_keyframe_, true);
  if (keyframe) keyframe_wish_ = false;
  const bool after_loss = std::exchange(left_out_, false) && !first && keyframe;
  out.push_back({codec_, std::move(buffer), rtp_time_, arrival_, keyframe, after_loss});
}

std::optional<FrameAssembler::ResumePoint> FrameAssembler::find_resume_point(const ReorderBuffer& buffer) const {
  std::optional<ResumePoint> result;
  std::optional<ResumePoint> keyframe;  // begun, and without a hole so far
  int64_t missing = lost_, time = INT64_MIN;
  bool hole = true;  // right before the packet
  for (int64_t sequence = buffer.next(); sequence <= buffer.highest(); ++sequence) {
    const VideoPacket* const packet = buffer.find(sequence);
    if (!packet) {
      ++missing;
      hole = true;
      keyframe.reset();
      continue;
    }
    const bool after_hole = std::exchange(hole, false);
    if (packet->payload.empty()) continue;
    if (keyframe && packet->rtp_time != time) return keyframe;
    const PictureInfo info = info_of(*packet);
    // The first packet of a picture only: those of one that is being collected, or whose first ones are missing, are
    // no place to go on.
    if (info.starts && packet->rtp_time != time && (!collecting_ || packet->rtp_time != rtp_time_)) {
      const bool sets_lost = after_hole && sets_in_band_ && codec_ == core::Codec::h264 && !info.parameter_sets;
      if (info.keyframe && !sets_lost) keyframe = ResumePoint{sequence, true};
      Decodability after = decodability_;
      if (!info.keyframe && !result &&
          after.judge(info, missing, packet->rtp_time - judged_) == Decodability::Verdict::decodable) {
        result = ResumePoint{sequence, false};
      }
    }
    time = packet->rtp_time;
    if (keyframe && packet->marker) return keyframe;
  }
  return result;
}

}  // namespace partyline::rtp
