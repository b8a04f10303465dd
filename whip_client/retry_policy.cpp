#include "whip_client/retry_policy.hpp"

#include <algorithm>

namespace partyline::whip_client {

core::Duration RetryPolicy::ceiling(RefusalKind kind) const {
  switch (kind) {
    case RefusalKind::not_yet:
      return std::min(longest_, kLongestNotYet);
    case RefusalKind::busy:
      return std::min(longest_, kLongestBusy);
    default:
      return longest_;
  }
}

core::Duration RetryPolicy::on_failure(const Refusal& refusal, core::TimePoint now) {
  if (connected_since_ && now - *connected_since_ >= kHealthy) failures_ = 0;
  connected_since_.reset();

  core::Duration step = ceiling(refusal.kind);
  const bool hopeless = refusal.kind == RefusalKind::denied || refusal.kind == RefusalKind::unfit;
  if (!hopeless) {
    constexpr int max_doublings = 20;  // no overflow, whatever `first_` is
    step = std::min(step, first_ * (int64_t{1} << std::min(failures_, max_doublings)));
  }
  ++failures_;
  const double jitter = std::uniform_real_distribution(0.75, 1.25)(random_);
  const auto delay = std::chrono::duration_cast<core::Duration>(step * jitter);
  return refusal.retry_after ? std::max(delay, *refusal.retry_after) : delay;
}

}  // namespace partyline::whip_client
