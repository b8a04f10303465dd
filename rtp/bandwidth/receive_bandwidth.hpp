// ReceiveBandwidth: what a sender should be told its path to us carries, when it does not find out itself (no
// transport-cc): Trendline over RTP time and arrival, AimdRate on what arrives. No limit until there was a queue, and a
// limit that the sender makes no use of grows until it is none. A queue beside a sender of little is a moment's or
// somebody else's: it brings the limit down by steps from what there is a use for, not to the little that comes.
//
// Thread: the session's. Source: draft-alvestrand-rmcat-congestion-03 (REMB's receiver side).
#pragma once

#include <cstddef>
#include <optional>

#include "core/time.hpp"
#include "rtp/bandwidth/aimd.hpp"
#include "rtp/bandwidth/queue_meter.hpp"
#include "rtp/bandwidth/trendline.hpp"

namespace partyline::rtp {

class ReceiveBandwidth {
 public:
  /// A video packet; `media_time`: its unwrapped RTP time, 90 kHz.
  void on_packet(int64_t media_time, size_t bytes, core::TimePoint now);
  /// Every now and then; nothing: no reason for a limit. `wish`: what there is a use for, 0: unknown.
  std::optional<core::Bitrate> update(core::Duration round_trip, core::Bitrate wish, core::TimePoint now);
  /// How often that is: the few packets of who sends little tell nothing sooner.
  core::Duration pause() const { return std::chrono::milliseconds(idle_ ? 100 : 50); }

 private:
  double growth(LinkUse use, core::TimePoint now);
  void lift(LinkUse use, std::optional<double> through, core::TimePoint now);

  Trendline trend_;
  Throughput through_;
  AimdRate rate_;
  QueueMeter queue_;
  std::optional<double> least_delay_;  ///< since the last update, ms
  bool limited_ = false, idle_ = true;
  core::TimePoint updated_{}, troubled_{};
};

}  // namespace partyline::rtp
