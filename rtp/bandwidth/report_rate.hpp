// ReportRate: what the path to a peer carries when the peer says no more than RTCP receiver reports do: how much of
// what was sent got lost since the last report, and the round trip. A report may come every 5 s only, so that one is
// enough:
//
//   loss over 10 %, or over 2 % beside a queue, or a queue over 250 ms    ▶ 0.85 × what got through
//   the same loss after sending much less, and no queue                  ▶ the path loses by itself: no reason to go on
//   neither                                                              ▶ up 8 % a second, 1 % where it was too much
//
// Not beyond 1.5 × what was sent: what was not tried is not known. But who sends much less than the rate will never
// try: ten seconds after the last trouble it grows all the same, and loss takes it down by steps of 0.7 only. The queue
// is the round trip above its least of the last one to two minutes. Thread: the session's. Source:
// draft-ietf-rmcat-gcc-02 §6 for the thresholds.
#pragma once

#include <cstddef>
#include <optional>

#include "core/time.hpp"

namespace partyline::rtp {

class ReportRate {
 public:
  void set_rate(double bits_per_second) { rate_ = bits_per_second; }
  void set_most(double bits_per_second) { most_ = bits_per_second; }
  void on_sent(size_t bytes) {
    bytes_ += bytes;
    ++packets_;
  }
  /// `fraction`: 0…1 lost since the report before; `round_trip`: if this report tells one.
  void on_report(double fraction, std::optional<core::Duration> round_trip, core::TimePoint now);
  /// True after the first report that said something.
  bool known() const { return known_; }
  double rate() const { return rate_; }
  double queue_ms() const { return queue_ms_; }

 private:
  void note_round_trip(core::Duration round_trip, core::TimePoint now);
  void judge(double loss, double sent, double seconds, core::TimePoint now);
  void decrease(double loss, double sent, core::TimePoint now);
  void increase(double through, double sent, double seconds, core::TimePoint now);

  double rate_ = 2.5e6, most_ = 20e6;
  bool known_ = false;
  // Since the last judgement.
  size_t bytes_ = 0, packets_ = 0, packets_reported_ = 0;
  double lost_ = 0;
  std::optional<core::TimePoint> judged_;
  // Queue.
  std::optional<double> least_now_, least_before_;
  core::TimePoint least_since_{};
  double queue_ms_ = 0;
  // Loss.
  std::optional<double> limit_;               ///< what got through when it was too much
  double rate_before_ = 0, loss_before_ = 0;  ///< when a series of decreases began; 0: none
  double inherent_loss_ = 0;
  core::TimePoint inherent_until_{}, decreased_{};
};

}  // namespace partyline::rtp
