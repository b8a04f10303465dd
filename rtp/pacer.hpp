// Pacer: spreads the packets of a large picture so that it does not overrun the first narrow queue. The first 8 KiB of
// a burst go at once (most pictures: no delay at all); what is more goes at 2.5 × the target rate, or faster, so that
// no packet waits more than 80 ms: a keyframe at once overruns the 32 KB of a modem that carries the stream well. A
// peer in the same network has no such queue: 10 ms, as long as nothing else is known. Where the path was measured and
// is narrow, the target is to be believed: less goes at once (20 ms at the pace), and a keyframe may take 200 ms rather
// than fill the path's queue. Audio does not pass through here. Thread: the session's.
#pragma once

#include <cstdint>
#include <optional>

#include "core/buffer.hpp"
#include "core/ring.hpp"
#include "core/time.hpp"

namespace partyline::rtp {

class Pacer {
 public:
  /// `measured`: the path is known to carry that much and not more.
  void set_target(core::Bitrate target, bool measured = false);
  void set_round_trip(core::Duration round_trip) { round_trip_ = round_trip; }
  void push(core::Buffer packet, core::TimePoint now);
  /// The next packet that may go now.
  std::optional<core::Buffer> pop(core::TimePoint now);
  std::optional<core::TimePoint> next() const;
  bool empty() const { return queue_.empty(); }

 private:
  core::Duration longest_wait() const;
  struct Waiting {
    core::Buffer packet;
    core::TimePoint queued;
  };
  core::Ring<Waiting> queue_;
  size_t queued_bytes_ = 0;
  core::Bitrate target_ = core::Bitrate::kbps(1000);
  bool measured_ = false;
  core::Duration round_trip_{};
  int64_t burst_bytes_ = 8192;
  core::TimePoint paid_until_;  ///< when what was sent so far is off the line at the pace
  core::TimePoint pace_end_;    ///< when the queue must be empty
};

}  // namespace partyline::rtp
