#include "rtp/bandwidth_estimator.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;
constexpr size_t kHistory = 2048;  // packets: two seconds of 10 Mbit/s
constexpr double kWrap = 64.0 * (1 << 24);
constexpr double kHighLoss = 0.10, kLowLoss = 0.02, kMostInherentLoss = 0.3;
constexpr size_t kLossPackets = 20;
constexpr core::Duration kLossInterval = 300ms, kLossHold = 500ms, kInherentFor = 30s;
constexpr core::Duration kQuietBeforeProbe = 2s, kSilence = 1s, kSilenceStep = 500ms;
constexpr double kResendShare = 0.5, kResendBurstSeconds = 0.5;
constexpr double kProbeFactor = 2, kBeyondWish = 1.1;
constexpr double kIdle = 0.6;  // of the rate: who sends less does not try the path

double ms(core::Duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

}  // namespace

void BandwidthEstimator::set_start(core::Bitrate start) {
  if (!has_feedback()) rate_.set_rate(static_cast<double>(start.bits_per_second));
  if (!reports_.known()) reports_.set_rate(static_cast<double>(start.bits_per_second));
}

void BandwidthEstimator::set_wish(core::Bitrate wish) {
  wish_ = static_cast<double>(wish.bits_per_second);
  const double most = wish_ > 0 ? std::max(wish_ * kBeyondWish, AimdRate::kLeast) : AimdRate::kMost;
  rate_.set_most(most);
  reports_.set_most(most);
  if (wish_ > 0 && !has_feedback()) rate_.set_rate(std::min(rate_.rate(), wish_));
  if (wish_ > 0 && !reports_.known()) reports_.set_rate(std::min(reports_.rate(), wish_));
}

core::Duration BandwidthEstimator::queueing_delay() const {
  const double queue = has_feedback() ? queue_.ms() : reports_.queue_ms();
  return std::chrono::duration_cast<core::Duration>(std::chrono::duration<double, std::milli>(queue));
}

void BandwidthEstimator::on_sent(Seq16 sequence, size_t bytes, core::TimePoint now) {
  if (sent_.empty()) sent_.resize(kHistory);
  // Numbers are handed out one by one: the unwrapped one is the nearest at or above the last.
  next_ += static_cast<uint16_t>(sequence.value - static_cast<uint16_t>(next_));
  sent_[static_cast<size_t>(next_) % kHistory] = {next_, static_cast<uint32_t>(bytes), prober_.on_sent(bytes, now),
                                                  now};
  sending_.add(ms(now.time_since_epoch()), bytes);
  if (now - last_sent_ > kSilenceStep) resumed_ = now;
  last_sent_ = now;
}

double BandwidthEstimator::unwrap(std::chrono::microseconds reference) {
  if (last_reference_) {
    double step = static_cast<double>((reference - *last_reference_).count()) / 1000;
    if (step > kWrap / 2) step -= kWrap;
    if (step < -kWrap / 2) step += kWrap;
    reference_ms_ += step;
  }
  last_reference_ = reference;
  return reference_ms_;
}

BandwidthEstimator::Digest BandwidthEstimator::digest(const rtcp::TransportFeedback& feedback) {
  Digest result;
  result.least_delay = std::numeric_limits<double>::max();
  const int64_t base = next_ + static_cast<int16_t>(static_cast<uint16_t>(feedback.base.value - next_));
  double arrived = unwrap(feedback.reference);
  for (size_t i = 0; i < feedback.packets.size(); ++i) {
    const int64_t sequence = base + static_cast<int64_t>(i);
    const auto& packet = feedback.packets[i];
    arrived += static_cast<double>(packet.delta.count()) / 1000;
    if (sequence < 0) continue;
    Sent& sent = sent_[static_cast<size_t>(sequence) % kHistory];
    if (sent.sequence != sequence) continue;
    sent.sequence = -1;  // a number reported twice counts once
    if (!packet.received) {
      ++result.lost;
      continue;
    }
    ++result.received;
    const double left = ms(sent.at.time_since_epoch());
    through_.add(arrived, sent.bytes);
    trend_.add(left, arrived);
    if (sent.probe != 0) {
      if (const auto probed = prober_.on_arrived(sent.probe, sent.bytes, left, arrived)) result.probed = probed;
    }
    result.least_delay = std::min(result.least_delay, arrived - left);
    result.last_sent = sent.at;
  }
  return result;
}

void BandwidthEstimator::on_feedback(const rtcp::TransportFeedback& feedback, core::TimePoint now) {
  if (sent_.empty()) return;
  const Digest result = digest(feedback);
  if (result.received + result.lost == 0) return;
  last_feedback_ = now;
  counted_ += result.received + result.lost;
  counted_lost_ += result.lost;
  if (result.received > 0) {
    round_trip_ = std::clamp<core::Duration>(now - result.last_sent, 1ms, 3s);
    queue_.update(result.least_delay, now);
  }
  if (counted_ >= kLossPackets && now - counted_since_ >= kLossInterval) {
    loss_ = static_cast<double>(counted_lost_) / static_cast<double>(counted_);
    counted_ = counted_lost_ = 0;
    counted_since_ = now;
    apply_loss(loss_, now);
  }
  // Loss beside an empty queue is the path's own; it is no reason not to grow.
  const double tolerated = queue_.ms() < QueueMeter::kNone ? kHighLoss : kLowLoss;
  const bool grow = loss_ - inherent_loss_ < tolerated && now >= loss_hold_;
  const bool idle = sending_.bits_per_second().value_or(0) < kIdle * rate_.rate();
  rate_.update(use(), through_.bits_per_second(), round_trip_, grow, now, idle);
  if (use() == LinkUse::over) on_over(now);
  if (result.probed) apply_probe(*result.probed, now);
  if (grow) probe_if_useful(now);
}

void BandwidthEstimator::on_over(core::TimePoint now) {
  prober_.hold_until(now + kQuietBeforeProbe);
  if (now - jumped_ > kQuietBeforeProbe || queue_.ms() < QueueMeter::kLong / 2) return;
  // It was too much after all: others share the path, and what the burst found was a gap between their packets.
  jumped_ = {};
  rate_.set_rate(std::min(rate_.rate(), rate_before_jump_));
  prober_.on_contradicted(now);
}

void BandwidthEstimator::apply_loss(double fraction, core::TimePoint now) {
  if (now > inherent_until_) inherent_loss_ = 0;
  const double excess = fraction - inherent_loss_;
  if (excess < kHighLoss) {
    rate_before_ = 0;
    return;
  }
  if (now < loss_hold_) return;
  if (rate_before_ == 0) {
    rate_before_ = rate_.rate();
    loss_before_ = fraction;
  } else if (rate_.rate() < 0.75 * rate_before_ && fraction > 0.7 * loss_before_) {
    // Sending less has not helped: it is not our doing.
    inherent_loss_ = std::min(fraction, kMostInherentLoss);
    inherent_until_ = now + kInherentFor;
    rate_before_ = 0;
    return;
  }
  // What arrives all the same is certain.
  const double floor = 0.85 * through_.bits_per_second().value_or(0);
  rate_.set_rate(std::max(rate_.rate() * (1 - fraction / 2), std::min(floor, rate_.rate())));
  loss_hold_ = now + kLossHold;
}

void BandwidthEstimator::on_report(const PathReport& report, core::TimePoint now) {
  if (!last_feedback_) reports_.on_report(report, now);
}

void BandwidthEstimator::apply_probe(double probed, core::TimePoint now) {
  const bool better = probed > 1.1 * rate_.rate() && use() != LinkUse::over;
  prober_.on_result(better, now);
  if (better) {
    if (now - jumped_ > kQuietBeforeProbe) rate_before_jump_ = rate_.rate();
    jumped_ = now;
    rate_.set_rate(wish_ > 0 ? std::min(probed, wish_ * kBeyondWish) : probed);
  }
}

void BandwidthEstimator::probe_if_useful(core::TimePoint now) {
  if (wish_ <= 0 || rate_.rate() >= 0.98 * wish_ || queue_.ms() > QueueMeter::kNone) return;
  if (use() == LinkUse::over || now - rate_.last_decrease() < kQuietBeforeProbe) return;
  prober_.begin(std::min(kProbeFactor * rate_.rate(), kBeyondWish * wish_), now);
}

void BandwidthEstimator::tick(core::TimePoint now) {
  if (!last_feedback_ || now - std::max(*last_feedback_, resumed_) < kSilence || now - last_silence_ < kSilenceStep)
    return;
  if (now - last_sent_ > kSilenceStep) return;  // nothing sent, nothing to report
  last_silence_ = now;
  rate_.set_rate(rate_.rate() * 0.7);
}

std::optional<core::Duration> BandwidthEstimator::round_trip() const {
  if (!last_feedback_) return std::nullopt;
  return round_trip_;
}

bool BandwidthEstimator::may_resend(size_t bytes, core::TimePoint now) {
  const double all = this->rate() * share();
  const double rate = kResendShare * (bound_ > 0 && !has_feedback() ? std::min(bound_, all) : all);
  const double elapsed = std::min(1.0, std::chrono::duration<double>(now - resend_at_).count());
  resend_at_ = now;
  resend_budget_ = std::min(resend_budget_ + rate * elapsed, rate * kResendBurstSeconds);
  resend_rate_ *= std::exp(-elapsed / kResendBurstSeconds);
  if (resend_budget_ < 0) return false;
  resend_budget_ -= static_cast<double>(bytes * 8);
  resend_rate_ += static_cast<double>(bytes * 8) / kResendBurstSeconds;
  return true;
}

std::optional<core::Bitrate> BandwidthEstimator::estimate(core::TimePoint now) const {
  if (!has_feedback() && !reports_.known()) return std::nullopt;
  const double all = rate() * share();
  return core::Bitrate{static_cast<int64_t>(std::max(AimdRate::kLeast, all - resent(all, now)))};
}

double BandwidthEstimator::resent(double all, core::TimePoint now) const {
  const double since = std::chrono::duration<double>(now - resend_at_).count();
  return std::min(resend_rate_ * std::exp(-since / kResendBurstSeconds), kResendShare * all);
}

}  // namespace partyline::rtp
