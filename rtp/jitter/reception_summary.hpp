// ReceptionSummary: how a stretch of packets arrived: the statistics summary of RFC 3611 §4.6. A stretch ends at the
// report, or before the first of the last kPatience packets that is missing: it may be on its way, and is judged by the
// next one. What comes after its stretch was told stays lost. Pure logic. Thread: the session's. Units: RTP time.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <optional>

#include "rtp/rtcp/rtcp.hpp"
#include "rtp/wire_types.hpp"

namespace partyline::rtp {

class ReceptionSummary {
 public:
  static constexpr int64_t kPatience = 16;  // packets

  /// A packet that was not here before; `sequence` unwrapped, `wire` as it came.
  void on_packet(int64_t sequence, Seq16 wire) {
    if (!begin_ || sequence > highest_) {
      const int64_t steps = begin_ ? sequence - highest_ : 64;
      recent_ = steps < 64 ? recent_ << steps : 0;
      highest_ = sequence;
      highest_wire_ = wire;
      if (!begin_) begin_ = sequence;
    }
    if (sequence < *begin_) return;
    if (highest_ - sequence < 64) recent_ |= uint64_t{1} << (highest_ - sequence);
    ++received_;
  }
  void on_duplicate() { ++duplicates_; }
  /// Between a packet and the one before it: how much later, or earlier, it came than it was sent (RFC 3550 §6.4.1, D).
  void on_transit_difference(double units) {
    least_ = differences_ == 0 ? units : std::min(least_, units);
    most_ = std::max(most_, units);
    sum_ += units;
    squares_ += units * units;
    ++differences_;
  }
  /// Numbers begin anew.
  void restart() { *this = {}; }

  /// What has come since the last time; the source is the caller's to name. Nothing: no packet.
  std::optional<rtcp::StatisticsSummary> take() {
    if (!begin_) return std::nullopt;
    int64_t end = highest_ + 1;
    for (int64_t s = std::max(*begin_, highest_ - kPatience + 1); s < highest_ && end > highest_; ++s)
      if ((recent_ >> (highest_ - s) & 1) == 0) end = s;
    if (end == *begin_) return std::nullopt;
    const int64_t ahead = highest_ + 1 - end;
    const int received_ahead = ahead == 0 ? 0 : std::popcount(recent_ & ((uint64_t{1} << ahead) - 1));
    rtcp::StatisticsSummary summary;
    summary.begin = wire_number(*begin_);
    summary.end = wire_number(end);
    summary.lost = static_cast<uint32_t>(std::max<int64_t>(end - *begin_ - (received_ - received_ahead), 0));
    summary.duplicates = duplicates_;
    summary.jitter = jitter();
    const ReceptionSummary before = *this;
    restart();
    begin_ = end;
    highest_ = before.highest_;
    highest_wire_ = before.highest_wire_;
    recent_ = before.recent_;
    received_ = received_ahead;
    return summary;
  }

 private:
  /// Nothing where no difference was measured: 0 would be the best of all.
  std::optional<rtcp::StatisticsSummary::Jitter> jitter() const {
    if (differences_ == 0) return std::nullopt;
    const double mean = sum_ / differences_;
    const double variance = std::max(0.0, squares_ / differences_ - mean * mean);
    return rtcp::StatisticsSummary::Jitter{rounded(least_), rounded(most_), rounded(mean),
                                           rounded(std::sqrt(variance))};
  }
  static uint32_t rounded(double units) { return static_cast<uint32_t>(std::llround(units)); }
  Seq16 wire_number(int64_t sequence) const {
    return {static_cast<uint16_t>(highest_wire_.value - static_cast<uint16_t>(highest_ - sequence))};
  }

  std::optional<int64_t> begin_;  // of the stretch
  int64_t highest_ = 0, received_ = 0;
  Seq16 highest_wire_;
  uint64_t recent_ = 0;  // bit n: highest - n is here
  uint32_t duplicates_ = 0;
  int differences_ = 0;
  double least_ = 0, most_ = 0, sum_ = 0, squares_ = 0;
};

}  // namespace partyline::rtp
