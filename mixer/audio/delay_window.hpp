// DelayWindow: how much sooner (or later) a source's samples could be played, judged by the packets of the last ten
// seconds; once the network is calmer than it was, by those of the last two and a half.
//
//   arrival            ┌ tick that needs the packet
//   ──┬────────────────┼───────┬──────▶ time      allowed = what the play position may move forward so that all but
//     │◀──margin──▶│   │       │                  the worst one of 140 packets still are there `margin` before the
//                                                  tick that needs them
//
// allowed > 0: samples may be taken out; < 0: samples must be put in. The tick grid is part of the sum: a packet that
// arrives 5 ms before its tick waits 5 ms, no buffer depth changes that.
//
// Pure logic; times are the media clock, amounts are 48 kHz samples.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "core/time.hpp"

namespace partyline::mixer {

class DelayWindow {
 public:
  /// Start of playing: forgets what was allowed, keeps what is known of the network's jitter.
  void restart();
  /// A packet whose first sample is `ahead` samples after the play position was there when the tick at `tick` drained.
  void on_packet(core::TimePoint tick, core::TimePoint arrival, int64_t ahead, core::Duration transit);
  /// Samples were put in front of what comes (> 0) or taken out (< 0).
  void on_shift(int64_t samples) { inserted_ += samples; }

  /// Nothing before the first packet.
  std::optional<int64_t> allowed() const;
  /// True when enough packets were seen to take something out.
  bool settled() const { return packets_ >= kSettled; }
  /// What a packet must be ahead of its tick.
  static constexpr core::Duration kMargin = std::chrono::milliseconds(1);
  /// How long to hold a talk spurt's first packet, given its transit (arrival minus media time).
  core::Duration hold(core::Duration transit) const;

 private:
  static constexpr size_t kBuckets = 16, kRecent = 4;
  static constexpr core::Duration kBucketSpan = std::chrono::milliseconds(640);
  static constexpr int kSettled = 25;
  static constexpr size_t kWorst = 5;  // packets of a bucket that are remembered

  /// The least values of some, least first.
  struct Least {
    int seen = 0;
    std::array<int64_t, kWorst> values{};
    void add(int64_t value);
    size_t kept() const { return std::min(static_cast<size_t>(seen), kWorst); }
  };
  struct Bucket {
    Least allowed;   // + what was taken out: unchanged by what we put in or take out
    Least transits;  // negated, ns: the slowest packets
    core::Duration fastest{};
  };
  const Bucket& ago(size_t buckets) const {
    return buckets_[static_cast<size_t>(bucket_ - static_cast<int64_t>(buckets)) % kBuckets];
  }
  /// The least of the newest `buckets`, without the few that are not worth waiting for.
  std::optional<int64_t> least(Least Bucket::*what, size_t buckets) const;
  core::Duration spread(size_t buckets) const;
  void advance(core::TimePoint now);
  void forget_if_calm();
  void gather_older();
  /// Which of the least of `seen` values counts.
  size_t place(int seen) const;

  // What each packet and each tick look at lies side by side; the buckets change every 640 ms, but for the newest.
  Least older_allowed_;  // of all buckets but the newest; `seen`: of the values that are left
  int older_seen_ = 0;   // packets
  int64_t bucket_ = 0;   // the current one's number since the clock's epoch
  int64_t inserted_ = 0;
  int packets_ = 0;
  double credit_ = 0;  // packets that may yet come too late
  std::array<Bucket, kBuckets> buckets_{};
};

}  // namespace partyline::mixer
