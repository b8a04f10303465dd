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
  const auto through = through_.bits_per_second();
  if (least_delay_) queue_.update(*least_delay_, now);
  least_delay_.reset();
  const LinkUse use = queue_.judge(trend_.use());
  if (use == LinkUse::over && !limited_ && through) {
    limited_ = true;
    rate_.set_rate(
        std::max(*through, wish.bits_per_second > 0 ? static_cast<double>(wish.bits_per_second) : kUnknownWish));
  }
  if (limited_) {
    rate_.update(use, through, round_trip, true, now, through.value_or(0) < kIdle * rate_.rate());
    lift(use, through, now);
  }
  updated_ = now;
  if (!limited_) return std::nullopt;
  return core::Bitrate{static_cast<int64_t>(std::max(AimdRate::kLeast, rate_.rate() * queue_.share()))};
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
