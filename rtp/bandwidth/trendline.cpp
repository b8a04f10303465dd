#include "rtp/bandwidth/trendline.hpp"

#include <algorithm>
#include <cmath>

namespace partyline::rtp {
namespace {

constexpr double kGroupMs = 5, kBurstMs = 100, kOverForMs = 10;
constexpr double kSmoothing = 0.9, kGain = 4;
constexpr double kMostGroups = 60;               // that the slope is multiplied with
constexpr double kRise = 0.0087, kFall = 0.039;  // of the threshold, a millisecond
constexpr double kOutlierMs = 15;                // beyond the threshold: no reason to adapt it
constexpr double kLeast = 6, kMost = 600;        // threshold
constexpr double kBreakMs = 3000;                // a pause or a jump of a clock: begin anew

}  // namespace

bool Trendline::belongs(double sent_ms, double arrived_ms) const {
  if (sent_ms - current_->first_sent <= kGroupMs) return true;
  // Held up together somewhere and let go at once: that says nothing about a queue's growth.
  const double arrived_delta = arrived_ms - current_->last_arrived;
  const double propagation = arrived_delta - (sent_ms - current_->last_sent);
  return propagation < 0 && arrived_delta <= kGroupMs && arrived_ms - current_->first_arrived < kBurstMs;
}

void Trendline::add(double sent_ms, double arrived_ms) {
  if (current_ && (std::abs(sent_ms - current_->last_sent) > kBreakMs ||
                   std::abs(arrived_ms - current_->last_arrived) > kBreakMs)) {
    const double threshold = threshold_;
    *this = Trendline();
    threshold_ = threshold;
  }
  if (!current_) {
    current_ = Group{sent_ms, sent_ms, arrived_ms, arrived_ms};
    return;
  }
  if (sent_ms < current_->first_sent) return;  // overtaken on the way
  if (belongs(sent_ms, arrived_ms)) {
    current_->last_sent = std::max(current_->last_sent, sent_ms);
    current_->last_arrived = std::max(current_->last_arrived, arrived_ms);
    return;
  }
  if (before_) {
    on_group(current_->last_sent - before_->last_sent, current_->last_arrived - before_->last_arrived,
             current_->last_arrived);
  }
  before_ = current_;
  current_ = Group{sent_ms, sent_ms, arrived_ms, arrived_ms};
}

void Trendline::on_group(double sent_delta, double arrived_delta, double arrived_ms) {
  if (arrived_delta < 0) return;
  accumulated_ += arrived_delta - sent_delta;
  smoothed_ = kSmoothing * smoothed_ + (1 - kSmoothing) * accumulated_;
  points_[count_ % kWindow] = {arrived_ms, smoothed_};
  ++count_;
  detect(count_ >= kWindow ? slope() : 0, sent_delta, arrived_ms);
}

double Trendline::slope() const {
  double mean_x = 0, mean_y = 0;
  for (const Point& p : points_) {
    mean_x += p.arrived / kWindow;
    mean_y += p.delay / kWindow;
  }
  double above = 0, below = 0;
  for (const Point& p : points_) {
    above += (p.arrived - mean_x) * (p.delay - mean_y);
    below += (p.arrived - mean_x) * (p.arrived - mean_x);
  }
  return below > 0 ? above / below : 0;
}

void Trendline::detect(double slope, double sent_delta, double arrived_ms) {
  if (count_ < 2) return;
  const double trend = std::min(static_cast<double>(count_), kMostGroups) * slope * kGain;
  if (trend > threshold_) {
    over_for_ = over_for_ < 0 ? sent_delta / 2 : over_for_ + sent_delta;
    ++over_count_;
    if (over_for_ > kOverForMs && over_count_ > 1 && trend >= trend_before_) {
      over_for_ = 0;
      over_count_ = 0;
      use_ = LinkUse::over;
    }
  } else {
    over_for_ = -1;
    over_count_ = 0;
    use_ = trend < -threshold_ ? LinkUse::under : LinkUse::normal;
  }
  trend_before_ = trend;
  adapt(std::abs(trend), arrived_ms);
}

void Trendline::adapt(double trend, double arrived_ms) {
  const double elapsed = adapted_at_ == 0 ? 0 : std::clamp(arrived_ms - adapted_at_, 0.0, 100.0);
  adapted_at_ = arrived_ms;
  if (trend > threshold_ + kOutlierMs) return;
  threshold_ += (trend < threshold_ ? kFall : kRise) * (trend - threshold_) * elapsed;
  threshold_ = std::clamp(threshold_, kLeast, kMost);
}

}  // namespace partyline::rtp
