#include "rtp/bandwidth/report_queue.hpp"

#include <algorithm>

namespace partyline::rtp {
namespace {

constexpr core::Duration kLeastPeriod = std::chrono::seconds(60);
constexpr double kUsualRoundTripMs = 200;
constexpr int64_t kInARow = 3;  // packets that all got lost are rarer than a queue

double milliseconds(core::Duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

}  // namespace

void LeastOfLate::add(double value, core::TimePoint now) {
  if (!now_ || now - since_ > kLeastPeriod) {
    before_ = now_;
    now_ = value;
    since_ = now;
  }
  now_ = std::min(*now_, value);
}

void LeastOfLate::restart(double value, core::TimePoint now) {
  before_.reset();
  now_ = value;
  since_ = now;
}

std::optional<double> LeastOfLate::value() const {
  return now_ ? std::min(*now_, before_.value_or(*now_)) : now_;
}

void ReportQueue::on_report(const PathReport& report, core::TimePoint now) {
  passed_ = 0;
  round_trip_.reset();
  age_.reset();
  if (report.round_trip) {
    round_trip_ = milliseconds(*report.round_trip);
    round_trips_.add(*round_trip_, now);
  }
  const int64_t highest = log_.unwrap(report.highest);
  if (highest_ && *highest_ != report.highest && log_.sent(highest)) {
    passed_ = std::max<int64_t>(highest - log_.unwrap(*highest_), 0);
    moves_ = moves_ || passed_ > 0;
  }
  highest_ = report.highest;
  if (passed_ > 0) {
    if (const auto age = log_.age(highest + kInARow, now)) ages_.add(*(age_ = milliseconds(*age)), now);
  }
  ms_ = round_trip_ ? *round_trip_ - *round_trips_.value() : 0;
  if (age_) {
    const auto least = round_trips_.value();
    ms_ = std::max(ms_, *age_ - least.value_or(std::max(*ages_.value(), kUsualRoundTripMs)));
  }
}

void ReportQueue::take_for_least(core::TimePoint now) {
  if (round_trip_) round_trips_.restart(*round_trip_, now);
  if (age_) ages_.restart(*age_, now);
  // Sender reports may have met no queue for long: what the packets say holds for both.
  if (age_ && round_trips_.value() && *age_ > *round_trips_.value()) round_trips_.restart(*age_, now);
  ms_ = 0;
}

}  // namespace partyline::rtp
