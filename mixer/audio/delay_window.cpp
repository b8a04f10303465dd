#include "mixer/audio/delay_window.hpp"

#include <algorithm>

#include "mixer/audio/pcm.hpp"

namespace partyline::mixer {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr core::Duration kMostHold = milliseconds(200);
constexpr int64_t kHopeless = -400 * kSamplesPerMs;  // a packet this late says nothing about the next ones
constexpr int kOneOf = 140;                          // packets: one of them may come too late
// A window of five hundred packets estimates that by chance a little too high or too low. What really comes too late
// (within the margin, which is more than is heard of it) evens it out over the next packets.
constexpr double kOneOfTooLate = 200, kBalanced = 1, kMostCredit = 2;
constexpr core::Duration kCalmer = milliseconds(5);  // at least, to forget what was before

int64_t ceil_ticks(core::Duration duration) {
  const int64_t whole = duration / kTick;
  return duration % kTick > core::Duration::zero() ? whole + 1 : whole;
}

}  // namespace

void DelayWindow::Least::add(int64_t value) {
  size_t at = std::min<size_t>(static_cast<size_t>(seen), kWorst);
  ++seen;
  for (; at > 0 && value < values[at - 1]; --at) {
    if (at < kWorst) values[at] = values[at - 1];
  }
  if (at < kWorst) values[at] = value;
}

std::optional<int64_t> DelayWindow::least(Least Bucket::*what, size_t buckets) const {
  Least all;
  int seen = 0;
  for (size_t i = 0; i < buckets; ++i) {
    const Least& some = ago(i).*what;
    seen += some.seen;
    for (size_t k = 0; k < some.kept(); ++k) all.add(some.values[k]);
  }
  if (seen == 0) return std::nullopt;
  return all.values[std::min<size_t>(static_cast<size_t>(seen / kOneOf), kWorst - 1)];
}

core::Duration DelayWindow::spread(size_t buckets) const {
  const auto slowest = least(&Bucket::transits, buckets);
  if (!slowest) return {};
  core::Duration fastest = core::Duration::max();
  for (size_t i = 0; i < buckets; ++i) {
    if (ago(i).transits.seen > 0) fastest = std::min(fastest, ago(i).fastest);
  }
  return std::max(core::Duration::zero(), core::Duration(nanoseconds(-*slowest)) - fastest);
}

void DelayWindow::gather_older() {
  older_allowed_ = {};
  older_seen_ = 0;
  for (size_t i = 1; i < kBuckets; ++i) {
    const Least& some = ago(i).allowed;
    older_seen_ += some.seen;
    for (size_t k = 0; k < some.kept(); ++k) older_allowed_.add(some.values[k]);
  }
}

void DelayWindow::restart() {
  for (Bucket& bucket : buckets_) bucket.allowed = {};
  gather_older();
  inserted_ = 0;
  packets_ = 0;
}

void DelayWindow::forget_if_calm() {
  int packets = 0;
  for (size_t i = 1; i <= kRecent; ++i) packets += ago(i).transits.seen;
  const core::Duration before = spread(kBuckets), recent = spread(kRecent + 1);
  if (packets < kSettled || recent > before * 3 / 5 || before - recent < kCalmer) return;
  for (size_t i = kRecent + 1; i < kBuckets; ++i) {
    buckets_[static_cast<size_t>(bucket_ - static_cast<int64_t>(i)) % kBuckets] = {};
  }
}

void DelayWindow::advance(core::TimePoint now) {
  const int64_t number = now.time_since_epoch() / kBucketSpan;
  if (number <= bucket_) return;
  if (number - bucket_ >= static_cast<int64_t>(kBuckets)) {
    // A long silence: the jitter of before it is still the best guess, in one bucket.
    Bucket last = ago(0);
    last.allowed = {};
    buckets_.fill(Bucket{});
    bucket_ = number;
    buckets_[static_cast<size_t>(number) % kBuckets] = last;
    return gather_older();
  }
  while (bucket_ < number) buckets_[static_cast<size_t>(++bucket_) % kBuckets] = Bucket{};
  forget_if_calm();
  gather_older();
}

void DelayWindow::on_packet(core::TimePoint tick, core::TimePoint arrival, int64_t ahead, core::Duration transit) {
  advance(tick);
  Bucket& bucket = buckets_[static_cast<size_t>(bucket_) % kBuckets];
  bucket.fastest = bucket.transits.seen > 0 ? std::min(bucket.fastest, transit) : transit;
  bucket.transits.add(-nanoseconds(transit).count());
  const int64_t ticks_needed = ceil_ticks(arrival + kMargin - tick);
  const int64_t allowed_by_it = ahead - ticks_needed * static_cast<int64_t>(kTickSamples);
  if (allowed_by_it < kHopeless) return;
  bucket.allowed.add(allowed_by_it - inserted_);
  ++packets_;
  const double due = 1.0 / kOneOfTooLate - (allowed_by_it < 0 ? 1 : 0);
  credit_ = std::clamp(credit_ + due, -kMostCredit, kMostCredit);
}

std::optional<int64_t> DelayWindow::allowed() const {
  const Least& newest = ago(0).allowed;
  const int seen = older_seen_ + newest.seen;
  if (seen == 0) return std::nullopt;
  Least all = older_allowed_;
  for (size_t k = 0; k < newest.kept(); ++k) all.add(newest.values[k]);
  return all.values[place(seen)] + inserted_;
}

size_t DelayWindow::place(int seen) const {
  const int usual = std::min(seen / kOneOf, static_cast<int>(kWorst) - 2);
  if (usual == 0) return 0;
  const int more = credit_ > kBalanced ? 1 : credit_ < -kBalanced ? -1 : 0;
  return static_cast<size_t>(usual + more);
}

core::Duration DelayWindow::hold(core::Duration transit) const {
  const auto slowest = least(&Bucket::transits, kBuckets);
  const core::Duration behind = slowest ? core::Duration(nanoseconds(-*slowest)) - transit : core::Duration::zero();
  // Transits that differ by seconds are another sender's clock, not jitter.
  return kMargin + (behind > kMostHold ? core::Duration::zero() : std::max(behind, core::Duration::zero()));
}

}  // namespace partyline::mixer
