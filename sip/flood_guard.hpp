// FloodGuard: a token bucket for each source address, for requests that anybody may send (RFC 5390 §3 on overload by
// one source). Pure: `now` is a parameter.
//
// Thread: one owner. The table is bounded: when it is full, sources whose bucket is full again are forgotten, and if
// that frees nothing, everybody starts afresh. Deliberately not done: banning (phones were banned by mistake
// elsewhere).
#pragma once

#include <string>
#include <unordered_map>

#include "core/time.hpp"

namespace partyline::sip {

class FloodGuard {
 public:
  static constexpr size_t kMaxSources = 10'000;

  explicit FloodGuard(unsigned per_second) : rate_(per_second), burst_(2.0 * per_second) {}

  /// True when `address` may ask now; an IPv6 /64 is one source.
  bool admit(const std::string& address, core::TimePoint now);
  size_t sources() const { return buckets_.size(); }

 private:
  struct Bucket {
    double tokens;
    core::TimePoint filled_at;
  };
  double filled(const Bucket& bucket, core::TimePoint now) const;
  void forget(core::TimePoint now);

  double rate_;
  double burst_;
  std::unordered_map<std::string, Bucket> buckets_;
};

}  // namespace partyline::sip
