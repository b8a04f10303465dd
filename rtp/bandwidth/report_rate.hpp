// ReportRate: what the path to a peer carries when the peer says no more than RTCP receiver reports do, and asks for
// keyframes. A report may come every 5 s only, so that one is enough:
//
//   loss over 10 %, or over 2 % beside a queue, or a queue over 250 ms    ▶ 0.85 × what got through
//   the same loss after sending less, and no queue                       ▶ the path loses by itself: no reason to go on
//   a queue that is gone, of the 1.5 s after a decrease                   ▶ wait: what was lost was lost before
//   neither                                                              ▶ up 8 % a second, 1 % where it was too much
//
//   a series of keyframe requests, or a fifth asked for again             ▶ 0.6 × with each, a quarter at least
//   two of them while what was too much before is tried                   ▶ 0.7 × that
//   the report says that little was lost                                  ▶ as before; they prove nothing for a minute
//
// Where a path narrows between two reports, a mean over the time between them tells neither of before nor of after: the
// first keyframe request tells since when. The queue is the round trip above its least of the last one to two minutes,
// or how long ago the packets left that should have come next: sender reports get lost in a full queue.
//
// What was too much is remembered, and tried again after 10 s, then 20, then 40. Jitter knows sooner (Dispersion):
// while it says that the path is as it was nothing is tried, and when it says that it is wide, that is believed for a
// minute. Beyond that not more than 1.5 × what was sent: what was not tried is not known. But who sends much less than
// the rate will never try: ten seconds after the last trouble it grows all the same, and loss takes it down by steps of
// 0.7 only. Thread: the session's. Source: draft-ietf-rmcat-gcc-02 §6 for the thresholds.
#pragma once

#include <cstddef>
#include <optional>

#include "core/time.hpp"
#include "rtp/bandwidth/complaints.hpp"
#include "rtp/bandwidth/dispersion.hpp"
#include "rtp/bandwidth/sent_log.hpp"

namespace partyline::rtp {

/// One report block, as far as it tells of the path (RFC 3550 §6.4.1).
struct PathReport {
  double fraction_lost = 0;      ///< 0…1 since the report before
  int32_t lost_in_all = 0;       ///< packets, repetitions taken off
  std::optional<Seq16> highest;  ///< number that came
  double jitter_ms = 0;
  std::optional<core::Duration> round_trip;  ///< by a sender report that is young
};

class ReportRate {
 public:
  void set_rate(double bits_per_second) { rate_ = bits_per_second; }
  void set_most(double bits_per_second) { most_ = bits_per_second; }
  /// A repetition on a source of its own.
  void on_sent_again(size_t bytes) { bytes_ += bytes; }
  /// A packet of video, new or under its old number.
  void on_sent(Seq16 sequence, RtpTime32 time, size_t bytes, core::TimePoint now);
  void on_keyframe_sent() { complaints_.on_keyframe_sent(); }
  void on_report(const PathReport& report, core::TimePoint now);
  void on_keyframe_request(core::TimePoint now);
  /// The share of what was sent lately that the peer asked for again.
  void on_asked_again(double share, core::TimePoint now);
  /// True after the first report that said something.
  bool known() const { return known_; }
  double rate() const { return rate_; }
  double queue_ms() const { return queue_ms_; }

 private:
  /// Between two judgements.
  struct Interval {
    double seconds = 0, sent = 0, through = 0, loss = 0;  ///< rates in bits a second; share
    core::TimePoint began;
  };
  void note_queue(const PathReport& report, core::TimePoint now);
  void note_losses(const PathReport& report);
  Interval take_interval(core::TimePoint now);
  double through_since_complaints(const Interval& interval, core::TimePoint now) const;
  bool is_the_paths_own(double loss);
  void decrease(const Interval& interval, core::TimePoint now);
  void increase(const Interval& interval, core::TimePoint now);
  /// `first`: of a series of decreases.
  void note_limit(double through, bool first, core::TimePoint now);
  void note_dispersion(double jitter_ms, double through, core::TimePoint now);
  void settle_complaints(double excess, core::TimePoint now);
  void heed_complaint(core::TimePoint now);
  double sent_lately(core::TimePoint now) const;
  bool at_limit() const;

  double rate_ = 2.5e6, most_ = 20e6;
  bool known_ = false;
  // Since the last judgement.
  size_t bytes_ = 0, packets_ = 0, packets_reported_ = 0;
  double lost_ = 0, expected_ = 0;
  std::optional<core::TimePoint> judged_;
  std::optional<int64_t> highest_;
  int32_t lost_in_all_ = 0;
  SentLog log_;
  // Queue.
  std::optional<double> least_now_, least_before_;
  core::TimePoint least_since_{};
  double queue_ms_ = 0;
  // Loss.
  std::optional<double> limit_;               ///< what got through when it was too much
  double rate_before_ = 0, loss_before_ = 0;  ///< when a series of decreases began; 0: none
  double inherent_loss_ = 0;
  core::TimePoint inherent_until_{};
  std::optional<core::TimePoint> decreased_;
  core::Duration hold_{};  ///< how long what was too much is not tried
  core::TimePoint held_until_{}, failed_{};
  // Jitter.
  Dispersion dispersion_;
  core::TimePoint agreed_until_{}, trusted_until_{};
  double carries_ = 0;  ///< as jitter has it; 0: nobody knows
  double told_ = 0;     ///< the least that it told since the limit was found
  int tellings_ = 0, wide_tellings_ = 0;
  core::TimePoint jitter_doubted_until_{};
  // Complaints.
  Complaints complaints_;
  std::optional<double> rate_before_complaints_;
  bool complained_at_limit_ = false;
  core::TimePoint next_complaint_{}, distrust_until_{};
  core::Duration distrust_ = std::chrono::seconds(60);
};

}  // namespace partyline::rtp
