#include "gateway/outputs/output_intake.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "core/counters.hpp"

namespace partyline::gateway {

namespace {

using core::Clock;
using core::ErrorCode;
using core::make_error;
using core::Result;
using core::TimePoint;
using namespace std::chrono_literals;

constexpr core::Duration poll = 200ms;          // the longest sleep of the thread
constexpr core::Duration keyframe_repeat = 1s;  // between two wishes for the same keyframe

bool is_video(const core::EncodedFrame& frame) {
  return core::kind_of(frame.codec) == core::MediaKind::video;
}

enum class Drop { overflow, duplicate, late, comfort_noise, after_loss, awaits_keyframe, fits_no_file };

void count(Drop reason, uint64_t frames = 1) {
  static constexpr std::array names{"overflow",   "duplicate",       "late",        "comfort_noise",
                                    "after_loss", "awaits_keyframe", "fits_no_file"};
  static const auto counters = [] {
    std::array<core::Counter*, names.size()> all{};
    for (size_t i = 0; i < all.size(); ++i)
      all[i] = &core::counter("partyline_output_dropped_frames_total", fmt::format("reason=\"{}\"", names[i]));
    return all;
  }();
  counters[static_cast<size_t>(reason)]->add(frames);
}

}  // namespace

Result<StreamStart> OutputIntake::begin(const std::atomic<bool>& stopping) {
  return config_.received ? begin_received(stopping) : begin_mix(stopping);
}

Result<StreamStart> OutputIntake::begin_mix(const std::atomic<bool>& stopping) {
  const TimePoint give_up = Clock::now() + config_.keyframe_deadline;
  queue_.open(config_.video);
  ask_for_keyframe(false);
  while (!stopping) {
    const TimePoint now = Clock::now();
    if (now > give_up) {
      return make_error(ErrorCode::unavailable,
                        config_.video ? "the mixer sent no keyframe" : "the mixer sent no sound");
    }
    auto frame = queue_.pop(now + poll);
    StreamStart start;
    if (config_.audio) start.tracks.audio = core::Codec::aac;
    if (frame && config_.video) start.tracks.video = shape_of(*frame);
    if (frame && (!config_.video || start.tracks.video)) {
      start.frames.push_back(std::move(*frame));
      return start;
    }
    if (!frame || is_video(*frame)) ask_for_keyframe(true);
  }
  return make_error(ErrorCode::cancelled, "stopped");
}

Result<StreamStart> OutputIntake::begin_received(const std::atomic<bool>& stopping) {
  if (!carried_) {
    queue_.open(false);
    order_.clear();
  }
  needs_keyframe_ = !(carried_ && carried_->keyframe);
  pictures_come_ = began_ = false;
  RecordingStart start(config_.keyframe_deadline);
  keyframe_asked_ = {};
  while (true) {
    const TimePoint now = Clock::now();
    if (needs_keyframe_ && keyframe_asked_ == TimePoint{}) ask_for_keyframe(false);  // nobody may be there to ask yet
    if (auto frame = next_received(stopping ? TimePoint{} : now + poll)) {
      if (!start.add(*frame, now)) {
        if (is_video(*frame) && !shape_of(*frame)) {  // a keyframe without a size: of no use
          refuse(*frame, true);
          continue;
        }
        put_back(std::move(*frame));
        break;
      }
    } else if (stopping) {
      break;
    }
    if (start.complete(now, pictures_come_)) break;
  }
  if (start.empty()) return make_error(ErrorCode::cancelled, "stopped");
  began_ = true;
  return start.take();
}

std::optional<core::EncodedFrame> OutputIntake::next(TimePoint deadline) {
  if (config_.received) return next_received(deadline);
  auto frame = queue_.pop(deadline);
  if (queue_.wants_keyframe()) ask_for_keyframe(true);
  notice_overflow();
  return frame;
}

std::optional<core::EncodedFrame> OutputIntake::next_received(TimePoint deadline) {
  if (carried_ && (!is_video(*carried_) || admit(*carried_))) return std::exchange(carried_, std::nullopt);
  carried_.reset();
  const bool last_ones = deadline == TimePoint{};
  while (true) {
    if (auto sound = next_sound(Clock::now())) return sound;
    auto frame = queue_.pop(deadline);
    notice_overflow();
    if (!frame) return next_sound(last_ones ? TimePoint::max() : Clock::now());
    if (!is_video(*frame)) {
      order(std::move(*frame));
    } else if (admit(*frame)) {
      return frame;
    }
  }
}

std::optional<core::EncodedFrame> OutputIntake::next_sound(TimePoint now) {
  while (auto frame = order_.next(now)) {
    if (!frame->comfort_noise) return frame;
    count(Drop::comfort_noise);
  }
  return std::nullopt;
}

void OutputIntake::order(core::EncodedFrame frame) {
  switch (order_.add(std::move(frame))) {
    case AudioOrder::Verdict::taken:
      return;
    case AudioOrder::Verdict::duplicate:
      return count(Drop::duplicate);
    case AudioOrder::Verdict::late:
      return count(Drop::late);
  }
}

/// Whether the picture can be decoded with what was written before it.
bool OutputIntake::admit(const core::EncodedFrame& picture) {
  pictures_come_ = true;
  if (picture.keyframe) {
    needs_keyframe_ = false;
    keyframe_asked_ = {};  // the next wish is for another one
    return true;
  }
  if (picture.after_loss) needs_keyframe_ = true;
  if (!needs_keyframe_) return true;
  if (began_) count(picture.after_loss ? Drop::after_loss : Drop::awaits_keyframe);
  ask_for_keyframe(true);
  return false;
}

void OutputIntake::notice_overflow() {
  const uint64_t dropped = queue_.dropped();
  if (dropped == drops_seen_) return;
  count(Drop::overflow, dropped - drops_seen_);
  drops_seen_ = dropped;
  needs_keyframe_ = true;
}

void OutputIntake::put_back(core::EncodedFrame frame) {
  carried_ = std::move(frame);
}

void OutputIntake::refuse(const core::EncodedFrame& frame, bool ask) {
  count(Drop::fits_no_file);
  if (!is_video(frame) || !ask) return;
  needs_keyframe_ = true;
  if (keyframe_asked_ == TimePoint{}) keyframe_asked_ = Clock::now();  // another one like this is no hurry
}

void OutputIntake::close() {
  queue_.close();
  carried_.reset();
  notice_overflow();
}

/// `again`: only if the last wish is a while ago.
void OutputIntake::ask_for_keyframe(bool again) {
  if (!config_.video) return;
  const TimePoint now = Clock::now();
  if (again && now - keyframe_asked_ < keyframe_repeat) return;
  std::shared_ptr<core::MediaFeedback> ask;
  {
    const std::lock_guard lock(mutex_);
    ask = feedback_;
  }
  if (!ask) return;
  keyframe_asked_ = now;
  ask->request_keyframe();
}

void OutputIntake::set_feedback(std::shared_ptr<core::MediaFeedback> feedback) {
  {
    const std::lock_guard lock(mutex_);
    std::swap(feedback_, feedback);
  }
  queue_.wake();  // a wish that found nobody is said now
  // The old one, if it was the last of its kind, dies here and not under the lock.
}

}  // namespace partyline::gateway
