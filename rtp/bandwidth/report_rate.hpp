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
//   the report says that little was lost                                  ▶ as before; they prove nothing for a minute,
//                                                                           then two … ten, until one was true
//
//   a queue that is as long after sending less twice                     ▶ the route has become longer: no queue
//   `highest` stands still, nothing lost                                 ▶ nothing came: the next report will tell
//
// Where a path narrows between two reports, a mean over the time between them tells neither of before nor of after: the
// first keyframe request tells since when. A complaint of the last second before a report is judged by the next one.
//
// What was too much is remembered, and tried again after 10 s, then 20, then 40. Jitter knows sooner (ReportJitter):
// while it says that the path is as it was nothing is tried, and when it says that it is wide, that is believed for a
// minute. Beyond that not more than 1.5 × what was sent: what was not tried is not known. But who sends much less than
// the rate will never try: ten seconds after the last trouble it grows all the same, and loss takes it down by steps of
// 0.7 only. Thread: the session's. Source: draft-ietf-rmcat-gcc-02 §6 for the thresholds.
#pragma once

#include <cstddef>
#include <optional>

#include "core/time.hpp"
#include "rtp/bandwidth/complaints.hpp"
#include "rtp/bandwidth/path_report.hpp"
#include "rtp/bandwidth/report_jitter.hpp"
#include "rtp/bandwidth/report_queue.hpp"

namespace partyline::rtp {

class ReportRate {
 public:
  /// Where to start; 64 kbit/s to 20 Mbit/s, as every rate() is.
  void set_rate(double bits_per_second);
  /// No use for more: growth ends there. The rate is not taken down to it.
  void set_most(double bits_per_second) { most_ = bits_per_second; }
  /// What the peer allows, bits a second; 0: it does not say.
  void set_bound(double bits_per_second) { bound_ = bits_per_second; }
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
  double queue_ms() const { return queue_.ms(); }

 private:
  /// Between two judgements.
  struct Interval {
    double seconds = 0, sent = 0, through = 0, loss = 0;  ///< rates in bits a second; share
    core::TimePoint began;
  };
  void begin_interval(core::TimePoint now);
  void note_losses(const PathReport& report);
  Interval take_interval(core::TimePoint now);
  double through_since_complaints(const Interval& interval, core::TimePoint now) const;
  bool is_the_paths_own(double loss);
  bool is_a_longer_route(double excess, core::TimePoint now);
  /// What was sent when it was decreased is still to be told of.
  bool settles(const Interval& interval, double excess) const;
  void decrease(const Interval& interval, core::TimePoint now);
  void increase(const Interval& interval, core::TimePoint now);
  /// `first`: of a series of decreases.
  void note_limit(double through, bool first, core::TimePoint now);
  void note_jitter(double jitter_ms, double through, core::TimePoint now);
  /// True while they are too young for this report.
  bool settle_complaints(double excess, core::TimePoint now);
  void heed_complaint(core::TimePoint now);
  double sent_lately(core::TimePoint now) const;
  bool at_limit() const;

  static constexpr core::Duration kFirstDistrust = std::chrono::seconds(60);
  double rate_ = 2.5e6, most_ = 20e6, bound_ = 0;
  bool known_ = false;
  // Since the last judgement.
  size_t bytes_ = 0, packets_ = 0, packets_reported_ = 0;
  double lost_ = 0, expected_ = 0;
  std::optional<core::TimePoint> judged_;
  core::TimePoint last_sent_{};
  bool resumed_ = false;  ///< after a pause: the next report is of what was sent before it, too
  int32_t lost_in_all_ = 0;
  // Queue.
  ReportQueue queue_;
  double standing_ms_ = 0;  ///< when it was decreased for it; 0: it was not
  int standing_ = 0;        ///< how often that has not helped
  core::TimePoint standing_since_{};
  // Loss.
  std::optional<double> limit_;               ///< what got through when it was too much
  double rate_before_ = 0, loss_before_ = 0;  ///< when a series of decreases began; 0: none
  double inherent_loss_ = 0;
  core::TimePoint inherent_until_{};
  std::optional<core::TimePoint> decreased_;
  core::Duration hold_{};  ///< how long what was too much is not tried
  core::TimePoint held_until_{}, failed_{};
  ReportJitter jitter_;
  // Complaints.
  Complaints complaints_;
  std::optional<double> rate_before_complaints_;
  bool complained_at_limit_ = false;
  core::TimePoint complained_{}, next_complaint_{}, distrust_until_{};
  core::Duration distrust_ = kFirstDistrust;
};

}  // namespace partyline::rtp
