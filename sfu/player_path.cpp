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

std::optional<double> PlayerPath::limit(core::TimePoint now) const {
  if (estimator_.has_feedback()) {
    const auto measured = estimator_.estimate(now);
    if (!estimator_.limited() || !measured) return std::nullopt;
    return static_cast<double>(measured->bits_per_second);
  }
  if (congested_ && now - estimated_ <= kEstimateLasts) return estimate_;
  return std::nullopt;
}

}  // namespace partyline::sfu
