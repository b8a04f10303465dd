#include "rtp/bandwidth/receive_bandwidth.hpp"

#include <algorithm>
#include <cmath>

namespace partyline::rtp {

namespace {

using namespace std::chrono_literals;
constexpr double kIdle = 0.6;                    // of the limit
constexpr double kLift = 1.08, kNoLimit = 10e6;  // a second; bits a second
constexpr double kUnknownWish = 2.5e6;
constexpr core::Duration kQuiet = 5s;
constexpr double kFaster = 0.04, kFastest = 0.25;  // growth, more a second without trouble; at most
constexpr double kCalmSeconds = 2, kSaturatedMs = 120;

}  // namespace

void ReceiveBandwidth::on_packet(int64_t media_time, size_t bytes, core::TimePoint now) {
  const double arrived = std::chrono::duration<double, std::milli>(now.time_since_epoch()).count();
  through_.add(arrived, bytes);
  const double sent = static_cast<double>(media_time) / 90;
  trend_.add(sent, arrived);
  least_delay_ = std::min(least_delay_.value_or(arrived - sent), arrived - sent);
}

std::optional<core::Bitrate> ReceiveBandwidth::update(core::Duration round_trip, core::Bitrate wish,
                                                      core::TimePoint now) {
  if (least_delay_) queue_.update(*least_delay_, now);
  least_delay_.reset();
  const LinkUse use = queue_.judge(trend_.use());
  // Behind a long queue the line is never idle: what came last is what it carries now, not half a second ago.
  idle_ = through_.bits_per_second().value_or(0) < kIdle * rate_.rate();
  const bool saturated = use == LinkUse::over && queue_.ms() > kSaturatedMs && !idle_;
  const auto through = saturated ? through_.of_late() : through_.bits_per_second();
  if (use == LinkUse::over && !limited_ && through) {
    limited_ = true;
    rate_.set_rate(
        std::max(*through, wish.bits_per_second > 0 ? static_cast<double>(wish.bits_per_second) : kUnknownWish));
  }
  if (limited_) {
    rate_.set_growth(growth(use, now));
    rate_.update(use, through, round_trip, true, now, idle_);
    lift(use, through, now);
  }
  updated_ = now;
  if (!limited_) return std::nullopt;
  return core::Bitrate{static_cast<int64_t>(std::max(AimdRate::kLeast, rate_.rate() * queue_.share()))};
}

// Nothing here can ask the path, as padding does for who numbers his packets: growth has to try, the faster the longer
// it has done no harm.
double ReceiveBandwidth::growth(LinkUse use, core::TimePoint now) {
  if (use == LinkUse::over || queue_.ms() > QueueMeter::kNone) troubled_ = now;
  const double calm = std::chrono::duration<double>(now - troubled_).count() - kCalmSeconds;
  return std::clamp(AimdRate::kGrowth + kFaster * calm, AimdRate::kGrowth, kFastest);
}

// Who sends much less than it may does not try the path: the limit is forgotten by and by.
void ReceiveBandwidth::lift(LinkUse use, std::optional<double> through, core::TimePoint now) {
  if (use != LinkUse::normal || queue_.ms() > QueueMeter::kNone || now - rate_.last_decrease() < kQuiet) return;
  if (through.value_or(0) > kIdle * rate_.rate()) return;
  const double seconds = std::min(1.0, std::chrono::duration<double>(now - updated_).count());
  rate_.set_rate(rate_.rate() * std::pow(kLift, seconds));
  limited_ = rate_.rate() < kNoLimit;
}

}  // namespace partyline::rtp
