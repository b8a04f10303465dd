// Counters: every drop has a name. A counter is looked up once (not on the packet path), kept by reference, bumped
// without a lock, and shown by /metrics in Prometheus' text format.
//
// Thread: any.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace partyline::core {

class Counter {
 public:
  void add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

/// The counter `name{labels}`, made on first use and never destroyed. `name` is a full Prometheus name
/// ("partyline_rtp_dropped_total"), `labels` is Prometheus syntax without braces (`reason="late"`) or empty.
Counter& counter(std::string_view name, std::string_view labels = {});

/// Calls `visit(name, labels, value)` for every counter, sorted by name then labels.
void visit_counters(const std::function<void(std::string_view, std::string_view, uint64_t)>& visit);

}  // namespace partyline::core
