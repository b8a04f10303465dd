#include "rtp/bandwidth/aimd.hpp"

#include <algorithm>
#include <cmath>

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;
constexpr double kBackOff = 0.85, kIdleBackOff = 0.7;
constexpr double kNearLimit = 0.5, kBeyondLimit = 1.15;  // × the limit: between them the steps are small
constexpr double kPacketBits = 1200 * 8;

double seconds(core::Duration d) {
  return std::chrono::duration<double>(d).count();
}

}  // namespace

void AimdRate::set_rate(double bits_per_second) {
  rate_ = std::clamp(bits_per_second, kLeast, kMost);
}

void AimdRate::update(LinkUse use, std::optional<double> through, core::Duration round_trip, bool grow,
                      core::TimePoint now, bool idle) {
  if (use == LinkUse::over) {
    // Once a round trip: what was decided before must have had its effect.
    if (now - decreased_ >= std::clamp<core::Duration>(round_trip + 50ms, 100ms, 400ms)) decrease(through, idle, now);
    increased_ = now;
  } else if (use == LinkUse::under || !grow) {
    increased_ = now;
  } else {
    increase(through, round_trip, now);
  }
}

void AimdRate::decrease(std::optional<double> through, bool idle, core::TimePoint now) {
  decreased_ = now;
  if (!through) return set_rate(rate_ * kBackOff);
  if (idle) return set_rate(std::max(rate_ * kIdleBackOff, std::min(rate_, kBackOff * *through)));
  limit_ = limit_ && *through > 0.5 * *limit_ && *through < 1.5 * *limit_ ? 0.7 * *limit_ + 0.3 * *through : *through;
  set_rate(std::min(rate_, kBackOff * *through));
}

void AimdRate::increase(std::optional<double> through, core::Duration round_trip, core::TimePoint now) {
  if (increased_ == core::TimePoint{}) increased_ = now;
  const double elapsed = std::min(1.0, seconds(now - increased_));
  increased_ = now;
  if (limit_ && through && *through > kBeyondLimit * *limit_) limit_.reset();
  const bool near = limit_ && rate_ > kNearLimit * *limit_ && rate_ < kBeyondLimit * *limit_;
  const double more = near ? std::max(4000.0, kPacketBits / (seconds(round_trip) + 0.1)) * elapsed
                           : std::max(1000.0, rate_ * growth_ * elapsed);
  const double most = std::min({most_, kMost, through ? 1.5 * *through + 10e3 : kMost});
  if (rate_ < most) rate_ = std::min(rate_ + more, most);
}

void Throughput::add(double arrived_ms, size_t bytes) {
  const auto bucket = static_cast<int64_t>(std::floor(arrived_ms / kBucketMs));
  if (!any_ || bucket - newest_ >= kBuckets || newest_ - bucket >= kBuckets) {
    if (any_ && bucket < newest_ && newest_ - bucket < 4 * kBuckets) return;  // late, and long past
    std::fill(std::begin(bytes_), std::end(bytes_), 0);
    first_ = newest_ = bucket;
    any_ = true;
  }
  for (; newest_ < bucket; ++newest_) bytes_[slot(newest_ + 1)] = 0;
  bytes_[slot(bucket)] += static_cast<double>(bytes);
}

std::optional<double> Throughput::over(int64_t buckets) const {
  // The newest bucket is not full yet.
  const int64_t whole = std::min<int64_t>(newest_ - first_, buckets);
  if (!any_ || whole < kLeast) return std::nullopt;
  double sum = 0;
  for (int64_t i = newest_ - whole; i < newest_; ++i) sum += bytes_[slot(i)];
  return sum * 8000 / (static_cast<double>(whole) * kBucketMs);
}

}  // namespace partyline::rtp
