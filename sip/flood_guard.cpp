#include "sip/flood_guard.hpp"

#include <algorithm>

#include "core/client_network.hpp"

namespace partyline::sip {

double FloodGuard::filled(const Bucket& bucket, core::TimePoint now) const {
  const double seconds = std::chrono::duration<double>(now - bucket.filled_at).count();
  return std::min(burst_, bucket.tokens + std::max(0.0, seconds) * rate_);
}

bool FloodGuard::admit(const std::string& address, core::TimePoint now) {
  const std::string source = core::client_network(address);
  auto found = buckets_.find(source);
  if (found == buckets_.end()) {
    if (buckets_.size() >= kMaxSources) forget(now);
    found = buckets_.emplace(source, Bucket{burst_, now}).first;
  }
  Bucket& bucket = found->second;
  bucket.tokens = filled(bucket, now);
  bucket.filled_at = now;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

void FloodGuard::forget(core::TimePoint now) {
  std::erase_if(buckets_, [&](const auto& entry) { return filled(entry.second, now) >= burst_; });
  if (buckets_.size() >= kMaxSources) buckets_.clear();
}

}  // namespace partyline::sip
