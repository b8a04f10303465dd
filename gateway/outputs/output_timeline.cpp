#include "gateway/outputs/output_timeline.hpp"

#include <algorithm>
#include <cstdlib>

namespace partyline::gateway {

namespace {
constexpr int64_t least_step = 1000;  // µs
}  // namespace

int64_t OutputTimeline::since_zero(core::TimePoint time) const {
  return std::chrono::duration_cast<std::chrono::microseconds>(time - zero_).count();
}

int64_t OutputTimeline::audio_time(const core::EncodedFrame& frame) {
  const int64_t captured = since_zero(frame.capture);
  const int64_t rate = core::clock_rate_of(frame.codec);
  if (audio_rtp_) {
    const int64_t counted = audio_base_ + (frame.rtp_time - *audio_rtp_) * 1'000'000 / rate;
    if (std::chrono::microseconds(std::abs(counted - captured)) <= largest_drift_) return counted;
  }
  audio_rtp_ = frame.rtp_time;
  audio_base_ = captured;
  return captured;
}

std::optional<int64_t> OutputTimeline::stamp(const core::EncodedFrame& frame) {
  if (frame.capture < zero_) return std::nullopt;
  const bool audio = core::kind_of(frame.codec) == core::MediaKind::audio;
  std::optional<int64_t>& last = audio ? last_audio_ : last_video_;
  int64_t time = audio ? audio_time(frame) : since_zero(frame.capture);
  time = std::max<int64_t>(time, last ? *last + least_step : 0);
  last = time;
  return time;
}

}  // namespace partyline::gateway
