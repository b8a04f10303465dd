#include "rtp/bandwidth_estimator.hpp"

#include <algorithm>
#include <limits>

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;
constexpr size_t kHistory = 4096;  // packets
constexpr double kLeastRate = 64e3, kMostRate = 20e6;
constexpr double kOveruseMs = 25;     // queue that counts as one, when still rising
constexpr double kLongQueueMs = 150;  // queue that counts even when steady
constexpr double kRisingMs = 0.5;     // a feedback

double ms(core::Duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

}  // namespace

void BandwidthEstimator::set_start(core::Bitrate start) {
  if (!any_) rate_ = std::clamp(static_cast<double>(start.bits_per_second), kLeastRate, kMostRate);
}

void BandwidthEstimator::on_sent(Seq16 sequence, size_t bytes, core::TimePoint now) {
  if (sent_.empty()) sent_.resize(kHistory);
  // Numbers are handed out one by one: the unwrapped one is the nearest at or above the last.
  next_ += static_cast<uint16_t>(sequence.value - static_cast<uint16_t>(next_));
  sent_[static_cast<size_t>(next_) % kHistory] = {next_, static_cast<uint32_t>(bytes), now};
}

void BandwidthEstimator::on_feedback(const rtcp::TransportFeedback& feedback, core::TimePoint now) {
  if (sent_.empty()) return;
  const int64_t base = next_ + static_cast<int16_t>(static_cast<uint16_t>(feedback.base.value - next_));
  std::chrono::microseconds arrival = feedback.reference;
  size_t received = 0, lost = 0, bytes = 0;
  double least = std::numeric_limits<double>::max();
  std::optional<double> first_arrival, last_arrival;
  for (size_t i = 0; i < feedback.packets.size(); ++i) {
    const int64_t sequence = base + static_cast<int64_t>(i);
    const auto& packet = feedback.packets[i];
    arrival += packet.delta;
    if (sequence < 0) continue;
    Sent& sent = sent_[static_cast<size_t>(sequence) % kHistory];
    if (sent.sequence != sequence) continue;
    sent.sequence = -1;  // a number reported twice counts once
    if (!packet.received) {
      ++lost;
      continue;
    }
    ++received;
    const double arrived = ms(arrival);
    // The first packet's bytes came before the interval it opens.
    if (first_arrival) bytes += sent.bytes;
    if (!first_arrival) first_arrival = arrived;
    last_arrival = arrived;
    least = std::min(least, arrived - ms(sent.at.time_since_epoch()));
  }
  if (received + lost == 0) return;
  has_feedback_ = true;
  any_ = true;
  if (received > 0) {
    const double span = *last_arrival - *first_arrival;
    if (span > 20) {
      const double rate = static_cast<double>(bytes) * 8000 / span;
      acked_rate_ = acked_rate_ ? *acked_rate_ * 0.7 + rate * 0.3 : rate;
    }
    update_delay(least, now);
  }
  const double fraction = static_cast<double>(lost) / static_cast<double>(received + lost);
  loss_ = loss_ * 0.7 + fraction * 0.3;
  apply_loss(loss_, now);
}

void BandwidthEstimator::update_delay(double delay_ms, core::TimePoint now) {
  // The two clocks differ by a constant, and the reference time wraps: only the distance to the least delay counts.
  if (!smooth_delay_ms_ || delay_ms < least_delay_ms_ || now - least_at_ > 30s || delay_ms - least_delay_ms_ > 5000) {
    least_delay_ms_ = delay_ms;
    least_at_ = now;
  }
  const double queue = delay_ms - least_delay_ms_;
  const double before = smooth_delay_ms_.value_or(queue);
  smooth_delay_ms_ = before * 0.6 + queue * 0.4;
  gradient_ = gradient_ * 0.6 + (*smooth_delay_ms_ - before) * 0.4;
  const bool overuse = (*smooth_delay_ms_ > kOveruseMs && gradient_ > kRisingMs) || *smooth_delay_ms_ > kLongQueueMs;
  if (!overuse || now < hold_until_) return;
  rate_ = std::max(kLeastRate, 0.85 * std::min(rate_, acked_rate_.value_or(rate_)));
  hold_until_ = now + 300ms;
}

void BandwidthEstimator::apply_loss(double fraction, core::TimePoint now) {
  if (fraction > 0.10 && now >= hold_until_) {
    rate_ = std::max(kLeastRate, rate_ * (1 - fraction / 2));
    hold_until_ = now + 500ms;
  } else if (fraction < 0.02 && now >= hold_until_) {
    grow(now);
  }
  last_growth_ = now;
}

void BandwidthEstimator::grow(core::TimePoint now) {
  if (last_growth_ == core::TimePoint{}) return;
  const double seconds = std::min(1.0, ms(now - last_growth_) / 1000);
  const double most = acked_rate_ ? 1.5 * *acked_rate_ + 100e3 : kMostRate;
  if (rate_ < most) rate_ = std::min({rate_ * (1 + 0.08 * seconds), most, kMostRate});
}

void BandwidthEstimator::on_loss_report(double fraction_lost, core::TimePoint now) {
  if (has_feedback_) return;
  any_ = true;
  apply_loss(fraction_lost, now);
}

std::optional<core::Bitrate> BandwidthEstimator::estimate() const {
  if (!any_) return std::nullopt;
  return core::Bitrate{static_cast<int64_t>(rate_)};
}

}  // namespace partyline::rtp
