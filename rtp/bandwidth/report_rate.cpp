#include "rtp/bandwidth/report_rate.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "rtp/bandwidth/aimd.hpp"

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;
constexpr core::Duration kPeriod = 700ms, kPause = 2s, kInherentFor = 60s;
constexpr size_t kLeastPackets = 20, kLeastWhenIdle = 60;  // fewer tell no share
constexpr double kHighLoss = 0.10, kLowLoss = 0.02, kMostInherentLoss = 0.3, kAnyLoss = 0.005, kWorse = 1.3;
constexpr core::Duration kQuiet = 10s, kSettle = 1500ms;
constexpr double kIdle = 0.6, kTried = 0.85;  // of the rate
constexpr double kQueueMs = 100, kLongQueueMs = 250;
constexpr double kMuchShorter = 0.8, kMuchLonger = 1.25;
constexpr int kStands = 2;
constexpr double kBackOff = 0.85, kIdleBackOff = 0.7, kDrain = 0.7;
constexpr double kFar = 1.08, kNear = 1.01, kNearLimit = 0.9, kBeyondLimit = 1.15;  // a second; × the limit
constexpr core::Duration kFirstHold = 10s, kLongestHold = 40s, kStillNarrow = 15s, kLongestStandstill = 180s;
// Complaints.
constexpr core::Duration kNoticed = 500ms, kNextComplaint = 400ms, kOldComplaint = 1s, kDrained = 3s;
constexpr core::Duration kDrainedAfterGuess = 2500ms;
constexpr core::Duration kLongestDistrust = 600s;
constexpr int kSeries = 3, kSeriesAtLimit = 2;
constexpr double kComplaintBackOff = 0.6, kMostBackOff = 0.25, kMuchAgain = 0.2, kLeastThrough = 0.25;
constexpr double kOfCarried = 0.7, kLeap = 3;

}  // namespace

void ReportRate::set_rate(double bits_per_second) {
  rate_ = std::clamp(bits_per_second, AimdRate::kLeast, AimdRate::kMost);
}

void ReportRate::begin_interval(core::TimePoint now) {
  judged_ = now;
  bytes_ = packets_ = packets_reported_ = 0;
  lost_ = expected_ = 0;
}

void ReportRate::on_sent(Seq16 sequence, RtpTime32 time, size_t bytes, core::TimePoint now) {
  // A pause is no time in which the path was tried.
  resumed_ = resumed_ || (judged_ && now - last_sent_ > kPause);
  if (!judged_ || now - last_sent_ > kPause) begin_interval(now);
  last_sent_ = now;
  bytes_ += bytes;
  if (!queue_.on_sent(sequence, now)) return;
  ++packets_;
  jitter_.on_sent(time, bytes, now);
}

void ReportRate::note_losses(const PathReport& report) {
  double expected = static_cast<double>(packets_ - packets_reported_), lost = report.fraction_lost * expected;
  packets_reported_ = packets_;
  const int32_t more = report.lost_in_all - std::exchange(lost_in_all_, report.lost_in_all);
  const int64_t passed = queue_.passed();
  if (passed > 0 && !std::exchange(resumed_, false)) {
    expected = static_cast<double>(passed);
    lost = more > 0 && more <= passed ? more : report.fraction_lost * expected;
  }
  expected_ += expected;
  lost_ += lost;
}

ReportRate::Interval ReportRate::take_interval(core::TimePoint now) {
  Interval interval;
  interval.began = *judged_;
  interval.seconds = std::chrono::duration<double>(now - *judged_).count();
  interval.loss = expected_ > 0 ? std::clamp(lost_ / expected_, 0.0, 1.0) : 0;
  interval.sent = static_cast<double>(bytes_) * 8 / interval.seconds;
  // More than was sent while a queue empties.
  interval.through = interval.sent * (expected_ - lost_) / static_cast<double>(packets_);
  begin_interval(now);
  return interval;
}

void ReportRate::on_report(const PathReport& report, core::TimePoint now) {
  if (!judged_) return;  // nothing was sent
  queue_.on_report(report, now);
  if (queue_.stands_still() && report.fraction_lost <= 0) return;
  note_losses(report);
  const bool queue = queue_.ms() > kQueueMs;
  const bool idle = now - *judged_ < kQuiet && sent_lately(now) < kIdle * rate_ && !queue;
  if (now - *judged_ < kPeriod || packets_ < (idle ? kLeastWhenIdle : kLeastPackets)) return;
  const Interval interval = take_interval(now);
  known_ = true;
  if (now > inherent_until_) inherent_loss_ = 0;
  const double excess = interval.loss - inherent_loss_;
  const bool unsettled = settle_complaints(excess, now);
  if (excess > kHighLoss || (excess > kLowLoss && queue) || queue_.ms() > kLongQueueMs) {
    if (is_a_longer_route(excess, now)) return;
    if (!settles(interval, excess)) return decrease(interval, now);
    return note_jitter(report.jitter_ms, interval.through, now);  // that is of the last packets only
  }
  if (excess < kHighLoss / 2) rate_before_ = 0;
  if (!queue) standing_ms_ = 0;
  if (excess >= kLowLoss || queue || unsettled) return;
  note_jitter(report.jitter_ms, interval.through, now);
  increase(interval, now);
}

/// Sending less has not helped: it is not our doing. More loss than before is no sign of that: then the report before
/// told of a time that was half good.
bool ReportRate::is_the_paths_own(double loss) {
  if (rate_before_ == 0 || loss > kWorse * loss_before_) {
    rate_before_ = rate_;
    loss_before_ = loss;
    return false;
  }
  return rate_ < 0.75 * rate_before_ && loss > 0.7 * loss_before_ && queue_.ms() < kQueueMs;
}

/// A queue gets shorter when less is sent, or overflows.
bool ReportRate::is_a_longer_route(double excess, core::TimePoint now) {
  const double queue = queue_.ms();
  const bool same = queue > kMuchShorter * standing_ms_ && queue < kMuchLonger * standing_ms_;
  if (queue < kQueueMs || excess > kHighLoss || !same) {
    standing_ms_ = queue;
    standing_ = 0;
    standing_since_ = now;
    return false;
  }
  // The report tells of what was sent a round trip ago.
  if (now - standing_since_ < kSettle + std::chrono::milliseconds(static_cast<int64_t>(queue))) return false;
  standing_since_ = now;
  if (++standing_ < kStands) return false;
  queue_.take_for_least(now);
  limit_.reset();
  rate_before_ = standing_ms_ = 0;
  return true;
}

bool ReportRate::settles(const Interval& interval, double excess) const {
  if (!decreased_ || interval.began >= *decreased_ + kSettle) return false;
  const bool queue = queue_.ms() > kQueueMs;
  return !queue || (excess <= kLowLoss && standing_since_ <= *decreased_);
}

double ReportRate::through_since_complaints(const Interval& interval, core::TimePoint now) const {
  const auto since = complaints_.since(now);
  if (!since || interval.loss < kHighLoss) return interval.through;
  const double bad = std::chrono::duration<double>(now - *since + kNoticed).count();
  if (bad >= interval.seconds) return interval.through;
  const double through = (interval.through * interval.seconds - interval.sent * (interval.seconds - bad)) / bad;
  return std::clamp(through, std::min(kLeastThrough * interval.sent, interval.through), interval.through);
}

void ReportRate::note_limit(double through, bool first, core::TimePoint now) {
  const bool again = limit_ && through > 0.5 * *limit_ && through < 1.5 * *limit_;
  const bool tried = !decreased_ || now - *decreased_ > kQuiet;
  limit_ = again && first ? (*limit_ + through) / 2 : through;
  if (!again) hold_ = {};
  if (tried || !again) hold_ = std::clamp<core::Duration>(2 * hold_, kFirstHold, kLongestHold);
  held_until_ = now + hold_;
  failed_ = now;
  jitter_.on_limit(now);
}

void ReportRate::decrease(const Interval& interval, core::TimePoint now) {
  const bool first = rate_before_ == 0;
  if (is_the_paths_own(interval.loss)) {
    inherent_loss_ = std::min(interval.loss, kMostInherentLoss);
    inherent_until_ = now + kInherentFor;
    limit_.reset();
    rate_before_ = 0;
    return;
  }
  const double through = first ? through_since_complaints(interval, now) : interval.through;
  // The peer has found out already, and knows it to the moment; this is a mean over good and bad times.
  if (bound_ > 0 && bound_ < kBackOff * through) return;
  // Those that come now are of the queue that is still there. But half of the time may have been good, and nobody has
  // told since when it is not.
  const bool guessed = first && !complaints_.since(now);
  next_complaint_ = now + (guessed ? kDrainedAfterGuess : kDrained);
  // Who sends much less than the rate has not filled the path: steps, and no limit is learnt.
  if (interval.sent < kIdle * rate_) {
    decreased_ = now;
    return set_rate(std::max(kIdleBackOff * rate_, std::min(rate_, kBackOff * through)));
  }
  note_limit(through, first, now);
  decreased_ = now;
  const double share = queue_.ms() > kLongQueueMs ? kDrain : kBackOff;
  set_rate(std::min(rate_, share * through));
}

void ReportRate::increase(const Interval& interval, core::TimePoint now) {
  if (limit_ && interval.through > kBeyondLimit * *limit_) limit_.reset();
  // Who has no use for all of it cannot try more little by little.
  if (limit_ && now > held_until_ && interval.sent < kTried * rate_) limit_.reset();
  const bool idle = interval.sent < kIdle * rate_ && (!decreased_ || now - *decreased_ > kQuiet);
  const double carries = jitter_.carries();
  double most = idle ? most_ : 1.5 * interval.sent + 10e3;
  most = std::max(most, std::min(kOfCarried * carries, kLeap * interval.sent));
  most = std::min(most, most_);
  if (carries > 0) most = std::min(most, carries);
  if (rate_ >= most) return;
  const bool near = limit_ && rate_ >= kNearLimit * *limit_;
  if (near && now < held_until_) return;
  const double grown = rate_ * std::pow(near ? kNear : kFar, interval.seconds);
  most = std::min(carries > 0 ? most : grown, most);
  set_rate(limit_ && !near ? std::min(most, kNearLimit * *limit_) : most);
}

void ReportRate::note_jitter(double jitter_ms, double through, core::TimePoint now) {
  const auto word = jitter_.on_report(jitter_ms, limit_, through, now);
  if (word == ReportJitter::Word::wide) limit_.reset();
  if (word == ReportJitter::Word::narrow && now - failed_ < kLongestStandstill)
    held_until_ = std::max(held_until_, now + kStillNarrow);
}

double ReportRate::sent_lately(core::TimePoint now) const {
  if (!judged_ || now - *judged_ < kPeriod) return rate_;
  return static_cast<double>(bytes_) * 8 / std::chrono::duration<double>(now - *judged_).count();
}

bool ReportRate::at_limit() const {
  return limit_ && rate_ > kNearLimit * *limit_;
}

void ReportRate::on_keyframe_request(core::TimePoint now) {
  if (complaints_.on_request(now) >= (at_limit() ? kSeriesAtLimit : kSeries)) heed_complaint(now);
}

void ReportRate::on_asked_again(double share, core::TimePoint now) {
  if (share > kMuchAgain) heed_complaint(now);
}

void ReportRate::heed_complaint(core::TimePoint now) {
  if (!known_ || now < next_complaint_ || now < distrust_until_ || sent_lately(now) < kIdle * rate_) return;
  if (!rate_before_complaints_) {
    rate_before_complaints_ = rate_;
    complained_at_limit_ = at_limit();
    complained_ = now;
  }
  next_complaint_ = now + kNextComplaint;
  const double less = complained_at_limit_ && limit_
                          ? kDrain * *limit_
                          : std::max(kComplaintBackOff * rate_, kMostBackOff * *rate_before_complaints_);
  set_rate(std::min(rate_, less));
}

/// `excess`: of loss, by the first report that can tell.
bool ReportRate::settle_complaints(double excess, core::TimePoint now) {
  if (!rate_before_complaints_) return false;
  const bool true_ones = queue_.ms() > kQueueMs || excess > (complained_at_limit_ ? kAnyLoss : kHighLoss);
  if (!true_ones && now - complained_ < kOldComplaint) return true;
  if (true_ones) distrust_ = kFirstDistrust;
  // What was sent when they came was too much, whatever was found before.
  if (true_ones && limit_) limit_ = std::min(*limit_, *rate_before_complaints_);
  if (true_ones && complained_at_limit_ && excess <= kHighLoss) {
    note_limit(limit_.value_or(rate_), true, now);
    decreased_ = now;
  }
  if (!true_ones) {
    set_rate(std::max(rate_, *rate_before_complaints_));
    distrust_until_ = now + distrust_;
    distrust_ = std::min<core::Duration>(2 * distrust_, kLongestDistrust);
  }
  rate_before_complaints_.reset();
  complained_at_limit_ = false;
  return false;
}

}  // namespace partyline::rtp
