#include "mixer/video/video_pass.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "mixer/codec/video_encoder.hpp"

namespace partyline::mixer {
namespace {

constexpr int64_t kLeastStep = 900;  // 10 ms of 90 kHz
constexpr core::Duration kWindow = std::chrono::seconds(2);
constexpr core::Duration kFormatBar = std::chrono::seconds(60), kRateBar = std::chrono::seconds(30);
constexpr uint8_t kBaseline = 66, kMain = 77, kExtended = 88, kHigh = 100;
constexpr uint8_t kConstraintSet1 = 0x40;
constexpr uint8_t kSps = 7;

/// The NAL units of an Annex B access unit, one after the other; empty at the end.
class NalReader {
 public:
  explicit NalReader(std::span<const uint8_t> data) : data_(data), at_(start_code(0)) {}
  std::span<const uint8_t> next() {
    if (at_ >= data_.size()) return {};
    const size_t begin = at_ + 3;
    at_ = start_code(begin);
    size_t end = at_;
    while (end > begin && data_[end - 1] == 0) --end;  // trailing zeros belong to the next start code
    return data_.subspan(begin, end - begin);
  }

 private:
  size_t start_code(size_t from) const {
    for (size_t i = from; i + 3 <= data_.size(); ++i)
      if (data_[i] == 0 && data_[i + 1] == 0 && data_[i + 2] == 1) return i;
    return data_.size();
  }
  std::span<const uint8_t> data_;
  size_t at_;
};

// ITU-T H.264 A.2: what a decoder of `theirs` can do with a stream that says `profile`.
bool profile_fits(uint8_t profile, uint8_t constraints, uint8_t theirs) {
  if (profile == kBaseline && (constraints & kConstraintSet1) != 0)
    return theirs == kBaseline || theirs == kMain || theirs == kExtended || theirs == kHigh;
  if (profile == kMain) return theirs == kMain || theirs == kHigh;
  return profile == theirs;
}

bool h264_fits(const core::EncodedFrame& keyframe, const PassLimits& limits) {
  NalReader reader(keyframe.data);
  for (auto nal = reader.next(); !nal.empty(); nal = reader.next()) {
    if ((nal[0] & 0x1F) != kSps) continue;
    // profile_idc, constraint flags, level_idc (7.3.2.1.1). The level bounds the size.
    return nal.size() >= 4 && profile_fits(nal[1], nal[2], limits.h264_profile_idc) && nal[3] <= limits.h264_level_idc;
  }
  return false;  // it does not stand alone
}

// RFC 6386 §9.1: frame tag, start code, then 14 bits of width and of height.
bool vp8_fits(const core::EncodedFrame& keyframe, const VideoRendition& rendition) {
  const auto& d = keyframe.data;
  if (d.size() < 10 || d[3] != 0x9D || d[4] != 0x01 || d[5] != 0x2A) return false;
  const int width = (d[6] | d[7] << 8) & 0x3FFF, height = (d[8] | d[9] << 8) & 0x3FFF;
  return width > 0 && height > 0 && width * height <= rendition.size.width * rendition.size.height;
}

}  // namespace

bool can_take(const core::EncodedFrame& keyframe, const VideoRendition& rendition, const PassLimits& limits) {
  if (keyframe.codec != rendition.codec || !keyframe.keyframe) return false;
  if (keyframe.codec == core::Codec::h264) return h264_fits(keyframe, limits);
  return keyframe.codec == core::Codec::vp8 && vp8_fits(keyframe, rendition);
}

bool fits_packets(const core::EncodedFrame& frame, int max_nal_bytes) {
  if (max_nal_bytes <= 0 || frame.codec != core::Codec::h264) return true;
  NalReader reader(frame.data);
  for (auto nal = reader.next(); !nal.empty(); nal = reader.next())
    if (nal.size() > static_cast<size_t>(max_nal_bytes)) return false;
  return true;
}

void VideoPass::set_limits(const PassLimits& limits, core::TimePoint now) {
  if (std::exchange(limits_, limits) == limits) return;
  barred_until_.reset();
  if (state_ != State::passing) return;
  broken_ = true;  // the next keyframe tells
  seeker_.start(now);
}

void VideoPass::aim(core::TimePoint now) {
  barred_until_.reset();
  if (state_ == State::mixed) {
    state_ = State::arming;
    seeker_.start(now);
  } else if (state_ == State::leaving && !cut_) {
    state_ = State::passing;
  }
}

void VideoPass::release(bool at_once) {
  seeker_.on_keyframe_decoded();
  if (state_ == State::arming) state_ = State::mixed;
  if (state_ == State::passing) state_ = State::leaving;
  cut_ = state_ == State::leaving && (cut_ || at_once);
}

bool VideoPass::take_mixed(core::EncodedFrame& frame) {
  if (state_ == State::passing || (state_ == State::leaving && !frame.keyframe)) return false;
  if (state_ == State::leaving) {
    state_ = State::mixed;
    cut_ = false;
    splice_.change();
  }
  frame.rtp_time = splice_.next(frame, kLeastStep);
  return true;
}

void VideoPass::bar(core::TimePoint now, core::Duration duration) {
  barred_until_ = now + duration;
  release(false);
}

bool VideoPass::take_passed(core::EncodedFrame& frame, core::TimePoint now) {
  if (state_ == State::mixed || cut_) return false;
  const bool fits = (!frame.keyframe || can_take(frame, rendition_, limits_)) && frame.codec == rendition_.codec &&
                    fits_packets(frame, rendition_.max_nal_bytes);
  if (!fits) {
    const bool shown = state_ != State::arming;
    bar(now, kFormatBar);
    cut_ = shown;  // its receiver would show rubbish
    return false;
  }
  if (frame.keyframe) {
    seeker_.on_keyframe_decoded();
    broken_ = false;
  }
  if (state_ == State::arming) {
    if (!frame.keyframe) return false;
    state_ = State::passing;
    splice_.change();
    window_ = now;
    window_bits_ = 0;
  }
  if (frame.after_loss && !frame.keyframe) broken_ = true;
  if (broken_) {
    seeker_.start(now);
    return false;
  }
  meter(frame, now);
  frame.rtp_time = splice_.next(frame, kLeastStep);
  return true;
}

// Half as much again as the receiver was promised, for two seconds.
void VideoPass::meter(const core::EncodedFrame& frame, core::TimePoint now) {
  window_bits_ += static_cast<int64_t>(frame.data.size()) * 8;
  if (now - window_ < kWindow) return;
  const double seconds = std::chrono::duration<double>(now - window_).count();
  const bool too_much =
      static_cast<double>(window_bits_) / seconds > 1.5 * static_cast<double>(rendition_.bitrate.bits_per_second);
  window_ = now;
  window_bits_ = 0;
  if (too_much && state_ == State::passing) bar(now, kRateBar);
}

void VideoPass::request_keyframe(core::TimePoint now) {
  if (state_ == State::passing) seeker_.start(now);
}

}  // namespace partyline::mixer
