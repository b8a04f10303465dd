// The round trip to a peer by what we sent and it names back: our sender reports in its reception reports (RFC 3550
// §6.4.1), our receiver reference times in its DLRR blocks (RFC 3611 §4.5). What was sent when is remembered here: the
// time in a translated sender report is another's. Pure logic. Thread: owner's.
#pragma once

#include <algorithm>
#include <array>
#include <optional>

#include "core/time.hpp"
#include "rtp/rtcp/rtcp.hpp"

namespace partyline::sfu {

class ReportTimes {
 public:
  /// `middle`: the middle 32 bits of the NTP time in it.
  void on_sent(uint32_t middle, core::TimePoint now) {
    const auto before = std::ranges::find(sent_, middle, &Sent::middle);  // a report that was told once more
    Sent& place = before != sent_.end() ? *before : sent_[count_++ % sent_.size()];
    place = {middle, now};
  }
  /// `delay`: how long the peer kept it, in 1/65536 s.
  void on_named(uint32_t middle, uint32_t delay, core::TimePoint now) {
    const auto found = std::ranges::find(sent_, middle, &Sent::middle);
    if (middle == 0 || found == sent_.end()) return;
    const core::Duration kept = std::chrono::duration_cast<core::Duration>(rtp::rtcp::compact_to_duration(delay));
    const core::Duration sample = now - found->at - kept;
    if (sample < core::Duration::zero()) return;  // its clock, or its arithmetic
    round_trip_ = round_trip_ ? *round_trip_ * 7 / 8 + sample / 8 : sample;
  }
  /// Smoothed; nothing before the first answer.
  std::optional<core::Duration> round_trip() const { return round_trip_; }

 private:
  struct Sent {
    uint32_t middle = 0;
    core::TimePoint at;
  };
  std::array<Sent, 16> sent_{};  // some seconds of two tracks
  size_t count_ = 0;
  std::optional<core::Duration> round_trip_;
};

}  // namespace partyline::sfu
