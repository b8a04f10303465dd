// How long to wait before the next attempt: exponential back-off with jitter, so that a server that comes back is not
// met by everybody at once, and shorter steps where waiting is known to end soon.
//
//   kind of failure      steps
//   unavailable          first, ×2 … longest
//   not_yet              first, ×2 … 2 s            (a publisher may come any moment)
//   busy                 first, ×2 … 5 s            (SRS frees a dead publisher's name after about 36 s)
//   denied, unfit        longest                    (only a change at the server helps)
//   lost                 first, ×2 … longest        (had been connected)
//
// Half a minute of health makes the next failure the first one. Thread: owner's. `now` is a parameter.
#pragma once

#include <cstdint>
#include <optional>
#include <random>

#include "core/time.hpp"
#include "whip_client/resource_rules.hpp"

namespace partyline::whip_client {

class RetryPolicy {
 public:
  static constexpr core::Duration kHealthy = std::chrono::seconds(30);
  static constexpr core::Duration kLongestNotYet = std::chrono::seconds(2);
  static constexpr core::Duration kLongestBusy = std::chrono::seconds(5);

  RetryPolicy(core::Duration first, core::Duration longest, uint64_t seed)
      : first_(first), longest_(longest), random_(seed) {}

  void on_connected(core::TimePoint now) { connected_since_ = now; }
  /// The attempt is over; how long to wait. ±25 % of the step, except what the server asked for, which is a minimum.
  core::Duration on_failure(const Refusal& refusal, core::TimePoint now);

 private:
  core::Duration ceiling(RefusalKind kind) const;

  core::Duration first_, longest_;
  std::mt19937_64 random_;
  int failures_ = 0;
  std::optional<core::TimePoint> connected_since_;
};

}  // namespace partyline::whip_client
