// LossRuns: whether packets are lost one by one or in bursts: the four-state Markov model of RFC 3611 appendix A.2.
//
//   gap    at least kGmin packets received between two losses; a loss in it is an isolated one
//   burst  begins and ends with a loss, fewer than kGmin packets received in a row in between
//
// Fed packet by packet in order of their numbers, or by arrivals: what is missing when sixteen later ones are here is
// lost. Pure logic. Thread: the session's.
#pragma once

#include <cstdint>
#include <optional>

namespace partyline::rtp {

class LossRuns {
 public:
  static constexpr int kGmin = 16;
  static constexpr int64_t kPatience = 16;  ///< packets

  /// A packet that was not here before; `sequence` unwrapped. What was before the first is nothing that was lost.
  void on_arrival(int64_t sequence) {
    if (!highest_) {
      highest_ = first_ = sequence;
      recent_ = 0;
    }
    for (; *highest_ < sequence; ++*highest_, recent_ <<= 1) {
      if (*highest_ + 1 - kPatience >= first_) on_packet((recent_ >> (kPatience - 1) & 1) == 0);
    }
    if (*highest_ - sequence < kPatience) recent_ |= uint64_t{1} << (*highest_ - sequence);
  }
  /// The sender numbers anew: what is between the numbers was not lost.
  void restart_numbers() { highest_.reset(); }
  void on_packet(bool lost) {
    if (!lost) {
      ++received_;
      return;
    }
    ++all_lost_;
    if (received_ >= kGmin) {
      (run_ == 1 ? isolated_ : bursts_) += 1;
      run_ = 1;
      in_gap_ += received_;
    } else {
      ++run_;
      if (received_ == 0) {
        ++after_loss_;
      } else {
        ++after_few_;
        in_burst_ += received_ - 1;
      }
    }
    received_ = 0;
  }

  struct Summary {
    double lost = 0;                            ///< share of all packets
    double burst_density = 0, gap_density = 0;  ///< share lost of those in bursts, in gaps
    double burst_packets = 0, gap_packets = 0;  ///< mean length
  };
  Summary summary() const {
    Summary result;
    const double gap = static_cast<double>(in_gap_ + received_);
    const double bursts = static_cast<double>(bursts_), isolated = static_cast<double>(isolated_);
    const double few = static_cast<double>(after_few_);
    const double total =
        gap + isolated + 2 * bursts + static_cast<double>(in_burst_) + 2 * few + static_cast<double>(after_loss_);
    if (total == 0) return result;
    result.lost = static_cast<double>(all_lost_) / total;
    result.gap_packets = gap;
    if (gap + isolated > 0) result.gap_density = isolated / (gap + isolated);
    if (bursts == 0) return result;
    const double leave = few / (bursts + few + static_cast<double>(after_loss_));
    const double within = static_cast<double>(in_burst_) + few;
    const double enter = within < 1 ? 1 : 1 - static_cast<double>(in_burst_) / within;
    if (few > 0 || after_loss_ > 0) result.burst_density = enter / (enter + leave);
    result.gap_packets = (gap + isolated + bursts) / bursts;
    result.burst_packets = total / bursts - result.gap_packets;
    return result;
  }

 private:
  int64_t received_ = 0;  // since the last loss
  int64_t run_ = 0;       // losses of the burst, or 1 for one that may be isolated
  int64_t all_lost_ = 0, isolated_ = 0, bursts_ = 0, in_gap_ = 0;
  int64_t after_loss_ = 0, after_few_ = 0, in_burst_ = 0;
  std::optional<int64_t> highest_;
  int64_t first_ = 0;
  uint64_t recent_ = 0;  // bit n: highest - n is here
};

}  // namespace partyline::rtp
