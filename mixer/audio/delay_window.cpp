#include "mixer/audio/delay_window.hpp"

#include <algorithm>

#include "mixer/audio/pcm.hpp"

namespace partyline::mixer {
namespace {

using std::chrono::milliseconds;

constexpr core::Duration kLeastMargin = milliseconds(2);
constexpr core::Duration kMostMargin = milliseconds(10);
constexpr core::Duration kMostHold = milliseconds(200);
constexpr int64_t kHopeless = -400 * kSamplesPerMs;  // a packet this late says nothing about the next ones

int64_t ceil_ticks(core::Duration duration) {
  const int64_t whole = duration / kTick;
  return duration % kTick > core::Duration::zero() ? whole + 1 : whole;
}

}  // namespace

void DelayWindow::restart() {
  for (Bucket& bucket : buckets_) bucket.used = false;
  inserted_ = 0;
  packets_ = 0;
}

void DelayWindow::advance(core::TimePoint now) {
  const int64_t number = now.time_since_epoch() / kBucketSpan;
  if (number - bucket_ >= static_cast<int64_t>(kBuckets) || number < bucket_) {
    // A long silence: the jitter of before it is still the best guess, in one bucket.
    Bucket summary = buckets_[static_cast<size_t>(bucket_ % static_cast<int64_t>(kBuckets))];
    summary.used = false;
    buckets_.fill(Bucket{});
    bucket_ = number;
    buckets_[static_cast<size_t>(number % static_cast<int64_t>(kBuckets))] = summary;
    return;
  }
  while (bucket_ < number) buckets_[static_cast<size_t>(++bucket_ % static_cast<int64_t>(kBuckets))] = Bucket{};
}

void DelayWindow::on_packet(core::TimePoint tick, core::TimePoint arrival, int64_t ahead, core::Duration transit) {
  advance(tick);
  const int64_t ticks_needed = ceil_ticks(arrival + margin() - tick);
  const int64_t allowed_by_it = ahead - ticks_needed * static_cast<int64_t>(kTickSamples);
  Bucket& bucket = buckets_[static_cast<size_t>(bucket_ % static_cast<int64_t>(kBuckets))];
  bucket.fastest = bucket.timed ? std::min(bucket.fastest, transit) : transit;
  bucket.slowest = bucket.timed ? std::max(bucket.slowest, transit) : transit;
  bucket.timed = true;
  if (allowed_by_it < kHopeless) return;
  const int64_t invariant = allowed_by_it - inserted_;
  bucket.least = bucket.used ? std::min(bucket.least, invariant) : invariant;
  bucket.used = true;
  ++packets_;
}

std::optional<int64_t> DelayWindow::allowed() const {
  std::optional<int64_t> least;
  for (const Bucket& bucket : buckets_) {
    if (bucket.used) least = least ? std::min(*least, bucket.least) : bucket.least;
  }
  if (least) *least += inserted_;
  return least;
}

core::Duration DelayWindow::jitter() const {
  bool timed = false;
  core::Duration fastest{};
  core::Duration slowest{};
  for (const Bucket& bucket : buckets_) {
    if (!bucket.timed) continue;
    fastest = timed ? std::min(fastest, bucket.fastest) : bucket.fastest;
    slowest = timed ? std::max(slowest, bucket.slowest) : bucket.slowest;
    timed = true;
  }
  return slowest - fastest;
}

core::Duration DelayWindow::margin() const {
  return std::min(kLeastMargin + jitter() / 8, kMostMargin);
}

core::Duration DelayWindow::hold(core::Duration transit) const {
  core::Duration slowest = transit;
  for (const Bucket& bucket : buckets_) {
    if (bucket.timed) slowest = std::max(slowest, bucket.slowest);
  }
  // Transits that differ by seconds are another sender's clock, not jitter.
  return margin() + (slowest - transit > kMostHold ? core::Duration::zero() : slowest - transit);
}

}  // namespace partyline::mixer
