// ReportQueue: how long packets wait on the way to a peer, from receiver reports:
//
//   round trip                              above its least of the last one to two minutes
//   age of the packet behind `highest`      above the same, for sender reports get lost in a full queue; where no round
//                                           trip is ever told, above its own least, or 200 ms
//
// The age is believed only of a peer whose `highest` moves: there are phones that write the same number for ever.
// Thread: owner's.
#pragma once

#include <optional>

#include "core/time.hpp"
#include "rtp/bandwidth/path_report.hpp"
#include "rtp/bandwidth/sent_log.hpp"

namespace partyline::rtp {

/// Of some values, in ms, the least of the last one to two minutes.
class LeastOfLate {
 public:
  void add(double value, core::TimePoint now);
  /// Only this one counts from now on.
  void restart(double value, core::TimePoint now);
  /// Nothing before the first.
  std::optional<double> value() const;

 private:
  std::optional<double> now_, before_;
  core::TimePoint since_{};
};

class ReportQueue {
 public:
  /// False: the packet left before, and goes again.
  bool on_sent(Seq16 sequence, core::TimePoint now) { return log_.add(sequence, now); }
  void on_report(const PathReport& report, core::TimePoint now);
  /// Beyond the path's least delay, by the last report; 0: none, or nobody knows.
  double ms() const { return ms_; }
  /// How many packets the last report is about; 0: its number means nothing, or nothing has come.
  int64_t passed() const { return passed_; }
  /// Packets came before, and none since.
  bool stands_still() const { return moves_ && passed_ == 0; }
  /// What is told now is the path's own delay and no queue.
  void take_for_least(core::TimePoint now);

 private:
  SentLog log_;
  LeastOfLate round_trips_, ages_;
  std::optional<double> round_trip_, age_;  ///< ms, as the last report told
  double ms_ = 0;
  std::optional<Seq16> highest_;
  int64_t passed_ = 0;
  bool moves_ = false;
};

}  // namespace partyline::rtp
