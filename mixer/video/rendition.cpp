#include "mixer/video/rendition.hpp"

#include <algorithm>
#include <utility>

#include "core/log.hpp"

namespace partyline::mixer {
namespace {

/// Live services want a group of pictures of at most two seconds (60 frames at 30 a second fall just short of it); VP8
/// goes to browsers only, and they ask.
core::Duration keyframe_period(core::Codec codec) {
  return codec == core::Codec::h264 ? std::chrono::milliseconds(1990) : std::chrono::seconds(10);
}

constexpr core::Bitrate kLeastBitrate = core::Bitrate::kbps(64);
constexpr int kLeastSide = 64;
constexpr int kSharpening = 5;  // pictures in which a still canvas becomes as sharp as it gets
constexpr core::Duration kSignOfLife = std::chrono::milliseconds(400);  // receivers take no longer pause for a failure

}  // namespace

core::VideoSize shrunk(core::VideoSize size, int sixths) {
  const auto side = [sixths](int full) { return std::max(full * sixths / 6 & ~1, std::min(full, kLeastSide)); };
  return {side(size.width), side(size.height)};
}

Rendition::Rendition(VideoRendition what, int room_frames_per_second, std::shared_ptr<EncodeTotals> totals)
    : what_(what),
      room_rate_(std::max(1, room_frames_per_second)),
      totals_(std::move(totals)),
      gate_(keyframe_period(what.codec)) {
  set_economy({}, room_rate_);
}

void Rendition::add(OutputId id, std::shared_ptr<OutputGate> gate) {
  outputs_.emplace_back(id, std::move(gate));
  gate_.request();
}

bool Rendition::remove(OutputId id) {
  std::erase_if(targets_, [id](const auto& target) { return target.first == id; });
  return std::erase_if(outputs_, [id](const auto& output) { return output.first == id; }) > 0;
}

bool Rendition::has(OutputId id) const {
  return std::any_of(outputs_.begin(), outputs_.end(), [id](const auto& output) { return output.first == id; });
}

void Rendition::set_economy(const Economy& economy, int room_rate) {
  room_rate_ = std::max(1, room_rate);
  if (std::exchange(settings_, settings_under(economy)) != settings_) same_ = 0;  // what is sent begins anew
}

EncodeSettings Rendition::settings_under(const Economy& economy) const {
  EncodeSettings settings{what_, economy.least_effort ? EncoderEffort::least : EncoderEffort::usual};
  VideoRendition& less = settings.what;
  less.frames_per_second = std::min(what_.frames_per_second, room_rate_);
  if (what_.codec == core::Codec::jpeg) return settings;  // a still is of the size that was asked for
  less.size = shrunk(what_.size, economy.size_sixths);
  // Fewer bits for fewer pixels; half the pictures need more than half of them.
  less.bitrate.bits_per_second = less.bitrate.bits_per_second * economy.size_sixths / 6;
  if (economy.rate_divisor > 1) less.bitrate.bits_per_second = less.bitrate.bits_per_second * 3 / 4;
  less.bitrate = std::max(less.bitrate, std::min(what_.bitrate, kLeastBitrate));
  return settings;
}

void Rendition::set_target(OutputId id, core::Bitrate target) {
  if (!has(id)) return;
  const auto found = std::find_if(targets_.begin(), targets_.end(), [id](const auto& t) { return t.first == id; });
  if (found != targets_.end()) {
    found->second = target;
  } else {
    targets_.emplace_back(id, target);
  }
}

core::Bitrate Rendition::bitrate() const {
  core::Bitrate slowest = what_.bitrate;
  for (const auto& [id, target] : targets_) slowest = std::min(slowest, target);
  slowest.bits_per_second = std::max(slowest.bits_per_second, what_.bitrate.bits_per_second / 2);
  return std::min(slowest, settings_.what.bitrate);
}

bool Rendition::wants_tick(uint64_t index) const {
  const auto rate = static_cast<uint64_t>(std::min(what_.frames_per_second, room_rate_));
  const auto room = static_cast<uint64_t>(room_rate_);
  return (index * rate) % room < rate;
}

bool Rendition::may_skip(uint64_t canvas_version, core::TimePoint now) {
  if (canvas_version != canvas_version_ || gate_.due(now) || failed_) {
    canvas_version_ = canvas_version;
    same_ = 0;
  } else if (same_ >= kSharpening && now - last_job_ < kSignOfLife) {
    return true;
  }
  ++same_;
  last_job_ = now;
  return false;
}

EncodeJob Rendition::make_job(std::shared_ptr<Rendition> self, I420Image picture, core::TimePoint origin,
                              core::TimePoint now) {
  if (failed_.exchange(false)) gate_.retry();
  EncodeJob job{std::move(self), std::move(picture), now, origin, gate_.take(now), {}, settings_, bitrate()};
  job.outputs.reserve(outputs_.size());
  for (const auto& [id, gate] : outputs_) job.outputs.push_back(gate);
  return job;
}

void EncodeJob::run() {
  rendition->encode(*this);
}

void Rendition::encode(const EncodeJob& job) {
  if (broken_) return;
  if (job.settings != opened_) encoder_.reset();
  if (!encoder_) {
    auto made = make_video_encoder(job.settings.what, job.settings.effort);
    if (!made) {
      broken_ = true;  // said once: it will not get better
      core::log_error("video encoder {}x{}: {}", what_.size.width, what_.size.height, made.error().message);
      return;
    }
    encoder_ = std::move(*made);
    opened_ = job.settings;
    bitrate_ = job.settings.what.bitrate;
  }
  if (job.bitrate != bitrate_) {
    encoder_->set_bitrate(job.bitrate);
    bitrate_ = job.bitrate;
  }
  const int64_t ns = std::chrono::duration_cast<std::chrono::nanoseconds>(job.capture - job.origin).count();
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
