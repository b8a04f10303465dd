// AimdRate: the rate that is right for what Trendline says. Over: 0.85 × what gets through. Normal: up, 8 % a second
// far from the last known limit and about a packet a round trip near it; never far beyond what gets through, since what
// was not tried is not known. Under: the queue empties, wait. While less is sent than the rate allows, what gets
// through says nothing about the path, and a queue is likely somebody else's or a moment's: then over takes the rate
// down by steps, each round trip one, rather than to what gets through.
//
// Thread: owner's. Source: draft-ietf-rmcat-gcc-02 §5.5, 5.6.
#pragma once

#include <optional>

#include "core/time.hpp"
#include "rtp/bandwidth/trendline.hpp"

namespace partyline::rtp {

class AimdRate {
 public:
  static constexpr double kLeast = 64e3, kMost = 20e6;  ///< bits a second
  double rate() const { return rate_; }
  /// Something else knows better: a start, a probe, loss.
  void set_rate(double bits_per_second);
  /// No use for more: growth ends there.
  void set_most(double bits_per_second) { most_ = bits_per_second; }
  /// Share of the rate that it grows by in a second, far from the last known limit.
  void set_growth(double share) { growth_ = share; }
  static constexpr double kGrowth = 0.08;
  /// `through`: bits a second that arrive. `grow` false: no growth now, for other reasons than delay. `idle`: much less
  /// than the rate is being sent.
  void update(LinkUse use, std::optional<double> through, core::Duration round_trip, bool grow, core::TimePoint now,
              bool idle = false);
  /// When the rate was last taken down for delay.
  core::TimePoint last_decrease() const { return decreased_; }

 private:
  void decrease(std::optional<double> through, bool idle, core::TimePoint now);
  void increase(std::optional<double> through, core::Duration round_trip, core::TimePoint now);

  double rate_ = 2.5e6, most_ = kMost, growth_ = kGrowth;
  std::optional<double> limit_;  ///< what got through when it was too much, smoothed
  core::TimePoint decreased_{}, increased_{};
};

/// Bits a second over the last half second, by the times of arrival. Thread: owner's.
class Throughput {
 public:
  void add(double arrived_ms, size_t bytes);
  /// Nothing before 150 ms.
  std::optional<double> bits_per_second() const { return over(kBuckets - 1); }
  /// Of the last 150 ms only: a saturated line writes evenly.
  std::optional<double> of_late() const { return over(kLeast); }

 private:
  static constexpr int kBuckets = 20, kLeast = 6;
  static constexpr double kBucketMs = 25;
  /// Feedback may tell of arrivals before the first: bucket numbers may be negative.
  static size_t slot(int64_t bucket) { return static_cast<size_t>((bucket % kBuckets + kBuckets) % kBuckets); }
  std::optional<double> over(int64_t buckets) const;
  double bytes_[kBuckets] = {};
  int64_t first_ = 0, newest_ = 0;
  bool any_ = false;
};

}  // namespace partyline::rtp
