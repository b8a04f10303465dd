#include "gateway/rendition_choice.hpp"

#include <algorithm>

namespace partyline::gateway {
namespace {

using namespace std::chrono_literals;
constexpr double kShort = 0.5, kFarTooShort = 0.25, kFits = 0.7, kAmple = 0.85, kMoreThanHere = 1.2,
                 kWorthATry = 0.52;  // × a step's bitrate
constexpr double kHeadroom = 0.95;   // of the estimate is for the picture
constexpr core::Duration kShortFor = 1s, kSettle = 3s, kClimbWait = 5s, kLongestClimbWait = 60s;
constexpr core::Duration kFailedWithin = 15s;

double bits(core::Bitrate rate) {
  return static_cast<double>(rate.bits_per_second);
}

mixer::VideoRendition smaller(const mixer::VideoRendition& best, const mixer::VideoRendition& room, int divisor,
                              int percent, int most_frames) {
  mixer::VideoRendition step = best;
  // Whole macroblocks across: a third of 1280 × 720 is then within the 396 macroblocks of CIF levels.
  step.size.width = std::max(32, room.size.width / divisor & ~15);
  step.size.height = std::max(32, room.size.height * step.size.width / std::max(room.size.width, 1) & ~1);
  step.frames_per_second = std::min(best.frames_per_second, std::min(room.frames_per_second, most_frames));
  step.bitrate = {std::max<int64_t>(room.bitrate.bits_per_second * percent / 100, 64'000)};
  return step;
}

}  // namespace

std::vector<mixer::VideoRendition> rendition_steps(const mixer::VideoRendition& best,
                                                   const mixer::VideoRendition& room) {
  std::vector<mixer::VideoRendition> steps{best};
  for (const auto& step : {smaller(best, room, 2, 40, 60), smaller(best, room, 3, 15, 15)}) {
    if (step.size.width < best.size.width && step.size.height < best.size.height &&
        bits(step.bitrate) < 0.75 * bits(steps.back().bitrate)) {
      steps.push_back(step);
    }
  }
  if (steps.size() > 1 || best.bitrate < core::Bitrate::kbps(128)) return steps;
  // A phone that decodes nothing larger than the smallest: the same size, fewer pictures.
  mixer::VideoRendition slower = best;
  slower.frames_per_second = std::min(best.frames_per_second, 15);
  slower.bitrate = {best.bitrate.bits_per_second * 2 / 5};
  steps.push_back(slower);
  return steps;
}

RenditionChoice::RenditionChoice(std::vector<core::Bitrate> steps) : steps_(std::move(steps)), climb_wait_(kClimbWait) {
  if (steps_.empty()) steps_.push_back(core::Bitrate::kbps(2000));
}

RenditionChoice::Decision RenditionChoice::update(std::optional<core::Bitrate> available, core::TimePoint now) {
  if (!available) return {step_, steps_[step_]};
  const double rate = kHeadroom * bits(*available);
  if (climbed_ && now - *climbed_ > kLongestClimbWait) {  // it held
    climb_wait_ = kClimbWait;
    climbed_.reset();
  }
  down(rate, now);
  up(rate, now);
  const auto target = static_cast<int64_t>(std::min(rate, bits(steps_[step_])));
  return {step_, core::Bitrate{target}};
}

void RenditionChoice::down(double available, core::TimePoint now) {
  const double here = bits(steps_[step_]);
  if (step_ + 1 >= steps_.size() || available >= kShort * here) return short_since_.reset();
  if (!short_since_) short_since_ = now;
  if (now - *short_since_ < kShortFor && available >= kFarTooShort * here) return;
  if (climbed_ && now - *climbed_ < kFailedWithin)
    climb_wait_ = std::min<core::Duration>(climb_wait_ * 2, kLongestClimbWait);
  climbed_.reset();
  do ++step_;
  while (step_ + 1 < steps_.size() && available < kFits * bits(steps_[step_]));
  switched_ = now;
  short_since_.reset();
  ample_since_.reset();
}

void RenditionChoice::up(double available, core::TimePoint now) {
  if (step_ == 0) return;
  const double next = bits(steps_[step_ - 1]);
  const bool ample = available >= kAmple * next;
  if (!ample && (available < kMoreThanHere * bits(steps_[step_]) || available < kWorthATry * next)) {
    return ample_since_.reset();
  }
  if (!ample_since_) ample_since_ = now;
  if (now - *ample_since_ < (ample ? climb_wait_ : 4 * climb_wait_)) return;
  if (switched_ && now - *switched_ < kSettle) return;
  --step_;
  climbed_ = switched_ = now;
  short_since_.reset();
  ample_since_.reset();
}

}  // namespace partyline::gateway
