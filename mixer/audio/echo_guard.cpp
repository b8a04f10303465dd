#include "mixer/audio/echo_guard.hpp"

#include <algorithm>
#include <cmath>

#include "mixer/audio/pcm.hpp"

namespace partyline::mixer {
namespace {
constexpr float kForget = 1.0F / 200;  // of a tick: four seconds
constexpr int kLearn = 200;            // ticks
constexpr float kLeastChange = 25;     // dB²: the variance of something that has pauses
constexpr float kSure = 0.9F, kUnsure = 0.6F;
constexpr int kTimesSure = 5, kTimesUnsure = 10;
constexpr float kOnset = 8;         // dB within 40 ms
constexpr float kFewOnsets = 4;     // within the time it remembers
constexpr size_t kShortest = 2;     // ticks: no packet comes back sooner
constexpr float kOverExpected = 6;  // dB: louder than that is the member himself
}  // namespace

void EchoGuard::update(double sent, double received) {
  newest_ = newest_ == 0 ? kKept - 1 : newest_ - 1;
  sent_[newest_] = sent_[newest_ + kKept] = std::max(static_cast<float>(sent), kQuietest);
  const float came = std::max(static_cast<float>(received), kQuietest);
  came_then_[waiting_++] = came;
  if (echoing_ || waiting_ == kJudgeEvery) catch_up();
  if (!echoing_) {
    suppress_ = false;
    return;
  }
  // An echo spreads: the loudest around its delay is what may come.
  const float* const ago = &sent_[newest_];
  float expected = kQuietest;
  for (size_t i = delay_ - 1; i <= std::min(delay_ + 1, kDelays - 1); ++i) expected = std::max(expected, ago[i]);
  // In silence, too: the next echo's first tick is decided upon by now.
  suppress_ = came < std::max(expected + came_ - mean_[delay_], kQuietest) + kOverExpected;
}

void EchoGuard::catch_up() {
  for (size_t i = 0; i < waiting_; ++i) learn(&sent_[newest_ + waiting_ - 1 - i], came_then_[i]);
  waiting_ = 0;
}

void EchoGuard::learn(const float* ago, float came) {
  // At first a plain mean of what there is, so that the beginning is not taken for a change.
  const float weight = std::max(kForget, 1.0F / static_cast<float>(++ticks_));
  for (size_t i = 0; i < kDelays; ++i) {
    mean_[i] += (ago[i] - mean_[i]) * weight;
    square_[i] += (ago[i] * ago[i] - square_[i]) * weight;
    product_[i] += (ago[i] * came - product_[i]) * weight;
  }
  came_ += (came - came_) * weight;
  came_square_ += (came * came - came_square_) * weight;
  onsets_ += (ago[0] > ago[2] + kOnset ? 1.0F : 0.0F) - onsets_ * kForget;
  if (ticks_ >= kLearn && ticks_ % static_cast<int>(kJudgeEvery) == 0) judge();
}

void EchoGuard::judge() {
  const float changes = came_square_ - came_ * came_;
  float best = 0;
  size_t at = 0;
  if (onsets_ < kFewOnsets) return;  // nothing to go by
  for (size_t i = kShortest; i < kDelays; ++i) {
    const float variance = square_[i] - mean_[i] * mean_[i];
    if (variance < kLeastChange || changes < kLeastChange) continue;
    const float likeness = (product_[i] - mean_[i] * came_) / std::sqrt(variance * changes);
    if (likeness > best) {
      best = likeness;
      at = i;
    }
  }
  likely_ = best > kSure ? likely_ + 1 : 0;
  unlikely_ = best < kUnsure ? unlikely_ + 1 : 0;
  if (likely_ >= kTimesSure) {
    echoing_ = true;
    delay_ = at;
  }
  if (unlikely_ >= kTimesUnsure) echoing_ = false;
}

core::Duration EchoGuard::delay() const {
  return echoing_ ? static_cast<int>(delay_) * kTick : core::Duration::zero();
}

}  // namespace partyline::mixer
