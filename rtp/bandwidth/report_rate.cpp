#include "rtp/bandwidth/report_rate.hpp"

#include <algorithm>
#include <cmath>

#include "rtp/bandwidth/aimd.hpp"

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;
constexpr core::Duration kPeriod = 700ms, kLongestPeriod = 6s, kLeastPeriod = 60s, kInherentFor = 60s;
constexpr size_t kLeastPackets = 20;
constexpr double kHighLoss = 0.10, kLowLoss = 0.02, kMostInherentLoss = 0.3;
constexpr core::Duration kQuiet = 10s;
constexpr double kIdle = 0.6;  // of the rate
constexpr double kQueueMs = 100, kLongQueueMs = 250;
constexpr double kBackOff = 0.85, kIdleBackOff = 0.7, kDrain = 0.7;
constexpr double kFar = 1.08, kNear = 1.01, kNearLimit = 0.9, kBeyondLimit = 1.15;  // a second; × the limit

}  // namespace

void ReportRate::note_round_trip(core::Duration round_trip, core::TimePoint now) {
  const double ms = std::chrono::duration<double, std::milli>(round_trip).count();
  if (!least_now_ || now - least_since_ > kLeastPeriod) {
    least_before_ = least_now_;
    least_now_ = ms;
    least_since_ = now;
  }
  least_now_ = std::min(*least_now_, ms);
  queue_ms_ = ms - std::min(*least_now_, least_before_.value_or(*least_now_));
}

void ReportRate::on_report(double fraction, std::optional<core::Duration> round_trip, core::TimePoint now) {
  if (round_trip) note_round_trip(*round_trip, now);
  if (!judged_) judged_ = now - 1s;  // of what was sent before nothing is known but that it was little
  lost_ += fraction * static_cast<double>(packets_ - packets_reported_);
  packets_reported_ = packets_;
  if (now - *judged_ < kPeriod || packets_ < kLeastPackets) return;
  const double seconds =
      std::chrono::duration<double>(std::min<core::Duration>(now - *judged_, kLongestPeriod)).count();
  const double loss = std::clamp(lost_ / static_cast<double>(packets_), 0.0, 1.0);
  const double sent = static_cast<double>(bytes_) * 8 / seconds;
  judged_ = now;
  bytes_ = packets_ = packets_reported_ = 0;
  lost_ = 0;
  known_ = true;
  judge(loss, sent, seconds, now);
}

void ReportRate::judge(double loss, double sent, double seconds, core::TimePoint now) {
  if (now > inherent_until_) inherent_loss_ = 0;
  const double excess = loss - inherent_loss_;
  const bool congested = excess > kHighLoss || (excess > kLowLoss && queue_ms_ > kQueueMs) || queue_ms_ > kLongQueueMs;
  if (congested) return decrease(loss, sent, now);
  rate_before_ = 0;
  if (excess < kLowLoss && queue_ms_ < kQueueMs) increase(sent * (1 - loss), sent, seconds, now);
}

void ReportRate::decrease(double loss, double sent, core::TimePoint now) {
  if (rate_before_ == 0) {
    rate_before_ = rate_;
    loss_before_ = loss;
  } else if (rate_ < 0.75 * rate_before_ && loss > 0.7 * loss_before_ && queue_ms_ < kQueueMs) {
    // Sending less has not helped: it is not our doing.
    inherent_loss_ = std::min(loss, kMostInherentLoss);
    inherent_until_ = now + kInherentFor;
    limit_.reset();
    rate_before_ = 0;
    return;
  }
  decreased_ = now;
  const double through = sent * (1 - loss);
  // Who sends much less than the rate has not filled the path: steps, and no limit is learnt.
  if (sent < kIdle * rate_) {
    rate_ = std::max({kIdleBackOff * rate_, std::min(rate_, kBackOff * through), AimdRate::kLeast});
    return;
  }
  limit_ = limit_ && through > 0.5 * *limit_ && through < 1.5 * *limit_ ? 0.7 * *limit_ + 0.3 * through : through;
  const double share = queue_ms_ > kLongQueueMs ? kDrain : kBackOff;
  rate_ = std::max(std::min(rate_, share * through), AimdRate::kLeast);
}

void ReportRate::increase(double through, double sent, double seconds, core::TimePoint now) {
  if (limit_ && through > kBeyondLimit * *limit_) limit_.reset();
  const bool near = limit_ && rate_ > kNearLimit * *limit_ && rate_ < kBeyondLimit * *limit_;
  const bool idle = sent < kIdle * rate_ && now - decreased_ > kQuiet;
  const double tried = std::min({most_, AimdRate::kMost, idle ? most_ : 1.5 * sent + 10e3});
  if (rate_ < tried) rate_ = std::min(rate_ * std::pow(near ? kNear : kFar, seconds), tried);
}

}  // namespace partyline::rtp
