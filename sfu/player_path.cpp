#include "sfu/player_path.hpp"

namespace partyline::sfu {

void PlayerPath::on_estimate(double bits_per_second, core::TimePoint now) {
  if (bits_per_second < 0.9 * peak_ && sent_rate_ > kMuch) {
    congested_ = true;
    peak_ = bits_per_second;
  }
  peak_ = std::max(peak_, bits_per_second);
  estimate_ = bits_per_second;
  estimated_ = now;
  congested_ = congested_ && bits_per_second < kBinding * sent_rate_;
}

bool PlayerPath::may_resend(size_t bytes, core::TimePoint now) {
  if (estimator_.has_feedback()) return estimator_.may_resend(bytes, now);
  const double rate = narrow(now) ? std::max(kNarrowShare * estimate_, estimate_ - sent_rate_)
                                  : kRepeatShare * std::max(sent_rate_, kMuch);
  const double elapsed = std::min(1.0, std::chrono::duration<double>(now - repeated_).count());
  repeated_ = now;
  repeat_bits_ = std::min(repeat_bits_ + rate * elapsed, rate * kRepeatBurst);
  if (repeat_bits_ < 0) return false;
  repeat_bits_ -= static_cast<double>(bytes * 8);
  return true;
}

std::optional<double> PlayerPath::limit(core::TimePoint now) const {
  if (estimator_.has_feedback()) {
    const auto measured = estimator_.estimate(now);
    if (!estimator_.limited() || !measured) return std::nullopt;
    return static_cast<double>(measured->bits_per_second);
  }
  if (narrow(now)) return estimate_;
  return std::nullopt;
}

}  // namespace partyline::sfu
