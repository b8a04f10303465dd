#include "rtp/bandwidth/report_rate.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "rtp/bandwidth/aimd.hpp"

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;
constexpr core::Duration kPeriod = 700ms, kLeastPeriod = 60s, kInherentFor = 60s;
constexpr size_t kLeastPackets = 20, kLeastWhenIdle = 60;  // fewer tell no share
constexpr double kHighLoss = 0.10, kLowLoss = 0.02, kMostInherentLoss = 0.3, kAnyLoss = 0.005, kWorse = 1.3;
constexpr core::Duration kQuiet = 10s, kSettle = 1500ms;
constexpr double kIdle = 0.6, kTried = 0.85;  // of the rate
constexpr double kQueueMs = 100, kLongQueueMs = 250, kUsualRoundTripMs = 200;
constexpr int64_t kInARow = 3;  // packets that all got lost are rarer than a queue
constexpr double kBackOff = 0.85, kIdleBackOff = 0.7, kDrain = 0.7;
constexpr double kFar = 1.08, kNear = 1.01, kNearLimit = 0.9, kBeyondLimit = 1.15;  // a second; × the limit
constexpr core::Duration kFirstHold = 10s, kLongestHold = 40s, kStillNarrow = 15s, kLongestStandstill = 180s;
// Complaints.
constexpr core::Duration kNoticed = 500ms, kNextComplaint = 400ms, kDrained = 3s, kLongestDistrust = 600s;
constexpr int kSeries = 3, kSeriesAtLimit = 2;
constexpr double kComplaintBackOff = 0.6, kMostBackOff = 0.25, kMuchAgain = 0.2, kLeastThrough = 0.25;
// Jitter.
constexpr core::Duration kAgreed = 120s, kTrusted = 60s, kJitterDoubted = 300s;
constexpr double kTellingMs = 1.5, kClearMs = 1, kLeastAgreed = 0.6, kMuchWider = 2.5;
constexpr double kOfLine = 0.95;  // that the picture gets beside lower headers
constexpr int kTellings = 3;
constexpr double kOfShare =
    0.85;  // where what got through was less: others had a share of it, or it was the first look
constexpr double kOfCarried = 0.7, kLeap = 3;

double ms(core::Duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

}  // namespace

void ReportRate::on_sent(Seq16 sequence, RtpTime32 time, size_t bytes, core::TimePoint now) {
  if (!judged_) judged_ = now;
  bytes_ += bytes;
  if (!log_.add(sequence, now)) return;
  ++packets_;
  dispersion_.on_sent(time, bytes, now);
}

void ReportRate::note_queue(const PathReport& report, core::TimePoint now) {
  queue_ms_ = 0;
  if (report.round_trip) {
    const double round_trip = ms(*report.round_trip);
    if (!least_now_ || now - least_since_ > kLeastPeriod) {
      least_before_ = least_now_;
      least_now_ = round_trip;
      least_since_ = now;
    }
    least_now_ = std::min(*least_now_, round_trip);
    queue_ms_ = round_trip - std::min(*least_now_, least_before_.value_or(*least_now_));
  }
  if (!report.highest) return;
  const int64_t highest = log_.unwrap(*report.highest);
  const auto age = log_.age(highest + kInARow, now);
  if (!age || !highest_ || highest <= *highest_) return;  // nothing came, or a number that means nothing
  const double least = std::min(least_now_.value_or(kUsualRoundTripMs), least_before_.value_or(kUsualRoundTripMs));
  queue_ms_ = std::max(queue_ms_, ms(*age) - least);
}

void ReportRate::note_losses(const PathReport& report) {
  double expected = static_cast<double>(packets_ - packets_reported_), lost = report.fraction_lost * expected;
  packets_reported_ = packets_;
  if (report.highest) {
    const int64_t highest = log_.unwrap(*report.highest);
    const int64_t reported = highest - highest_.value_or(highest);
    const int32_t more = report.lost_in_all - std::exchange(lost_in_all_, report.lost_in_all);
    const bool first = !std::exchange(highest_, highest);
    if (!first && reported >= 0) {
      expected = static_cast<double>(reported);
      lost = report.fraction_lost * expected;
      // Counts go on where a report got lost; there are phones that do not count.
      if (more > 0 && static_cast<int64_t>(more) <= reported) lost = more;
    }
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
  judged_ = now;
  bytes_ = packets_ = packets_reported_ = 0;
  lost_ = expected_ = 0;
  return interval;
}

void ReportRate::on_report(const PathReport& report, core::TimePoint now) {
  if (!judged_) return;  // nothing was sent
  note_queue(report, now);
  note_losses(report);
  const bool idle = now - *judged_ < kQuiet && sent_lately(now) < kIdle * rate_ && queue_ms_ < kQueueMs;
  if (now - *judged_ < kPeriod || packets_ < (idle ? kLeastWhenIdle : kLeastPackets)) return;
  const Interval interval = take_interval(now);
  known_ = true;
  if (now > inherent_until_) inherent_loss_ = 0;
  const double excess = interval.loss - inherent_loss_;
  const bool queue = queue_ms_ > kQueueMs;
  settle_complaints(excess, now);
  if (excess > kHighLoss || (excess > kLowLoss && queue) || queue_ms_ > kLongQueueMs) {
    const bool settling = decreased_ && interval.began < *decreased_ + kSettle;
    if (!settling || queue) return decrease(interval, now);
    return note_dispersion(report.jitter_ms, interval.through, now);  // that is of the last packets only
  }
  if (excess < kHighLoss / 2) rate_before_ = 0;
  if (excess >= kLowLoss || queue) return;
  note_dispersion(report.jitter_ms, interval.through, now);
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
  return rate_ < 0.75 * rate_before_ && loss > 0.7 * loss_before_ && queue_ms_ < kQueueMs;
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
  tellings_ = wide_tellings_ = 0;
  if (now < trusted_until_) jitter_doubted_until_ = now + kJitterDoubted;
  trusted_until_ = {};
  carries_ = 0;
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
  next_complaint_ = now + kDrained;  // those that come now are of the queue that is still there
  // Who sends much less than the rate has not filled the path: steps, and no limit is learnt.
  if (interval.sent < kIdle * rate_) {
    decreased_ = now;
    rate_ = std::max({kIdleBackOff * rate_, std::min(rate_, kBackOff * through), AimdRate::kLeast});
    return;
  }
  note_limit(through, first, now);
  decreased_ = now;
  const double share = queue_ms_ > kLongQueueMs ? kDrain : kBackOff;
  rate_ = std::max(std::min(rate_, share * through), AimdRate::kLeast);
}

void ReportRate::increase(const Interval& interval, core::TimePoint now) {
  if (limit_ && interval.through > kBeyondLimit * *limit_) limit_.reset();
  // Who has no use for all of it cannot try more little by little.
  if (limit_ && now > held_until_ && interval.sent < kTried * rate_) limit_.reset();
  const bool idle = interval.sent < kIdle * rate_ && (!decreased_ || now - *decreased_ > kQuiet);
  double most = idle ? most_ : 1.5 * interval.sent + 10e3;
  most = std::max(most, std::min(kOfCarried * carries_, kLeap * interval.sent));
  most = std::min({most, most_, AimdRate::kMost});
  if (carries_ > 0) most = std::min(most, carries_);
  if (rate_ >= most) return;
  const bool near = limit_ && rate_ >= kNearLimit * *limit_;
  if (near && now < held_until_) return;
  const double grown = rate_ * std::pow(near ? kNear : kFar, interval.seconds);
  rate_ = std::min(carries_ > 0 ? most : grown, most);
  if (limit_ && !near) rate_ = std::min(rate_, kNearLimit * *limit_);
}

void ReportRate::note_dispersion(double jitter_ms, double through, core::TimePoint now) {
  carries_ = 0;
  if (jitter_ms <= 0) return;  // not computed
  const double carries = dispersion_.rate_of(jitter_ms);
  if (limit_ && carries < kMuchWider * *limit_) {
    const double wide = dispersion_.jitter_at(4 * *limit_);
    if (jitter_ms < 2 * wide || jitter_ms - wide < kTellingMs) return;  // single packets: they tell nothing
    agreed_until_ = now + kAgreed;
    if (now - failed_ < kLongestStandstill) held_until_ = std::max(held_until_, now + kStillNarrow);
    told_ = tellings_++ == 0 ? carries : std::min(told_, carries);
    if (carries > kLeastAgreed * *limit_) limit_ = std::min(*limit_, std::max(kOfLine * carries, through / kNearLimit));
    if (tellings_ >= kTellings && kOfShare * told_ > *limit_) limit_ = kOfShare * told_;
  } else if (limit_) {
    const double narrow = dispersion_.jitter_at(1.5 * *limit_);
    if (narrow < 2 * jitter_ms || narrow - jitter_ms < kClearMs) return;
    // Who never said that it was narrow has to say twice that it is wide.
    const bool agreed = now < agreed_until_;
    if (!agreed && (now < jitter_doubted_until_ || ++wide_tellings_ < 2)) return;
    limit_.reset();
    trusted_until_ = now + kTrusted;
  }
  if (now < trusted_until_) carries_ = carries;
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
  }
  next_complaint_ = now + kNextComplaint;
  const double least = std::max(kMostBackOff * *rate_before_complaints_, AimdRate::kLeast);
  const double less = complained_at_limit_ ? kDrain * *limit_ : std::max(kComplaintBackOff * rate_, least);
  rate_ = std::min(rate_, less);
}

/// `excess`: of loss, by the first report after them.
void ReportRate::settle_complaints(double excess, core::TimePoint now) {
  if (!rate_before_complaints_) return;
  const bool true_ones = queue_ms_ > kQueueMs || excess > (complained_at_limit_ ? kAnyLoss : kHighLoss);
  if (true_ones && complained_at_limit_ && excess <= kHighLoss) {
    note_limit(limit_.value_or(rate_), true, now);
    decreased_ = now;
  }
  if (!true_ones) {
    rate_ = std::max(rate_, *rate_before_complaints_);
    distrust_until_ = now + distrust_;
    distrust_ = std::min<core::Duration>(2 * distrust_, kLongestDistrust);
  }
  rate_before_complaints_.reset();
  complained_at_limit_ = false;
}

}  // namespace partyline::rtp
