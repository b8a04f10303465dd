// DelayWindow: how much sooner (or later) a source's samples could be played, judged by the packets of the last two and
// a half seconds.
//
//   arrival            ┌ tick that needs the packet
//   ──┬────────────────┼───────┬──────▶ time      allowed = what the play position may move forward so that each of
//     │◀──margin──▶│   │       │                  these packets still is there `margin` before the tick that needs it
//
// allowed > 0: samples may be taken out; < 0: samples must be put in. The tick grid is part of the sum: a packet that
// arrives 5 ms before its tick waits 5 ms, no buffer depth changes that.
//
// Pure logic; times are the media clock, amounts are 48 kHz samples.
#pragma once

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
  /// What a packet must be ahead of its tick: 2 ms and an eighth of the jitter.
  core::Duration margin() const;
  /// How long to hold a talk spurt's first packet, given its transit (arrival minus media time).
  core::Duration hold(core::Duration transit) const;
  /// Spread of transit times.
  core::Duration jitter() const;

 private:
  static constexpr size_t kBuckets = 8;
  static constexpr core::Duration kBucketSpan = std::chrono::milliseconds(320);
  static constexpr int kSettled = 25;

  struct Bucket {
    bool used = false;
    bool timed = false;
    int64_t least = 0;  // allowed + inserted_: unchanged by what we put in or take out
    core::Duration fastest{}, slowest{};
  };
  void advance(core::TimePoint now);

  std::array<Bucket, kBuckets> buckets_{};
  int64_t bucket_ = 0;  // the current one's number since the clock's epoch
  int64_t inserted_ = 0;
  int packets_ = 0;
};

}  // namespace partyline::mixer
