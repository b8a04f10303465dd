#include "mixer/video/rendition.hpp"

#include <algorithm>

#include "core/log.hpp"

namespace partyline::mixer {
namespace {

/// Live services want a group of pictures of at most two seconds (60 frames at 30 a second fall just short of it); VP8
/// goes to browsers only, and they ask.
core::Duration keyframe_period(core::Codec codec) {
  return codec == core::Codec::h264 ? std::chrono::milliseconds(1990) : std::chrono::seconds(10);
}

}  // namespace

Rendition::Rendition(VideoRendition what, int room_frames_per_second, std::shared_ptr<EncodeTotals> totals)
    : what_(what),
      room_rate_(std::max(1, room_frames_per_second)),
      totals_(std::move(totals)),
      gate_(keyframe_period(what.codec)) {}

void Rendition::add(OutputId id, std::shared_ptr<OutputGate> gate) {
  outputs_.emplace_back(id, std::move(gate));
  gate_.request();
}

bool Rendition::remove(OutputId id) {
  return std::erase_if(outputs_, [id](const auto& output) { return output.first == id; }) > 0;
}

bool Rendition::has(OutputId id) const {
  return std::any_of(outputs_.begin(), outputs_.end(), [id](const auto& output) { return output.first == id; });
}

bool Rendition::wants_tick(uint64_t index) const {
  const auto rate = static_cast<uint64_t>(std::min(what_.frames_per_second, room_rate_));
  const auto room = static_cast<uint64_t>(room_rate_);
  return (index * rate) % room < rate;
}

EncodeJob Rendition::make_job(std::shared_ptr<Rendition> self, I420Image picture, core::TimePoint now) {
  if (failed_.exchange(false)) gate_.retry();
  EncodeJob job{std::move(self), std::move(picture), now, gate_.take(now), {}};
  job.outputs.reserve(outputs_.size());
  for (const auto& [id, gate] : outputs_) job.outputs.push_back(gate);
  return job;
}

void EncodeJob::run() {
  rendition->encode(*this);
}

void Rendition::encode(const EncodeJob& job) {
  if (broken_) return;
  if (!encoder_) {
    VideoRendition effective = what_;
    effective.frames_per_second = std::min(what_.frames_per_second, room_rate_);
    auto made = make_video_encoder(effective);
    if (!made) {
      broken_ = true;  // said once: it will not get better
      core::log_error("video encoder {}x{}: {}", what_.size.width, what_.size.height, made.error().message);
      return;
    }
    encoder_ = std::move(*made);
  }
  if (!started_) first_ = job.capture;
  started_ = true;
  const int64_t ns = std::chrono::duration_cast<std::chrono::nanoseconds>(job.capture - first_).count();
  core::EncodedFrame frame;
  frame.codec = what_.codec;
  frame.capture = job.capture;
  frame.rtp_time = (ns * 9 + 50'000) / 100'000;
  EncodedPicture encoded;
  if (!encoder_->encode(job.picture.view(), frame.rtp_time, job.keyframe, encoded)) {
    ++totals_->failures;
    if (job.keyframe) failed_ = true;
    return;
  }
  frame.buffer = std::move(encoded.buffer);
  frame.data = std::as_const(frame.buffer).span();
  frame.keyframe = encoded.keyframe;
  ++totals_->frames;
  if (frame.keyframe) ++totals_->keyframes;
  for (const std::shared_ptr<OutputGate>& output : job.outputs) output->push(frame);
}

}  // namespace partyline::mixer
