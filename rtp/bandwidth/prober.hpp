// Prober: asks the path whether it carries more than is being sent, by sending a little of it much faster: padding on
// top of the media, 20 ms long, at a multiple of the estimate. The rate at which that burst arrives is an answer even
// when it is "no". Asked only while the queue is empty and more would be of use; at once again after a yes, with a
// growing pause after a no.
//
//   media   ▏  ▏  ▏ ▏▏▏▏▏▏▏▏▏ ▏  ▏  ▏
//                   └ 20 ms ┘            bytes / arrival time = what the path carries
//
// Thread: owner's. Source: libwebrtc's ProbeController and ProbeBitrateEstimator for the shape.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/time.hpp"

namespace partyline::rtp {

class Prober {
 public:
  /// True and begun: `now` is a good moment for a burst at `bits_per_second`.
  bool begin(double bits_per_second, core::TimePoint now);
  bool active() const { return active_; }
  /// Padding that should leave now, bytes.
  size_t due(core::TimePoint now) const;
  /// Something left. The answer is the probe it is a part of; 0: none.
  uint32_t on_sent(size_t bytes, core::TimePoint now);
  /// A part of probe `id` arrived. What the path carries, bits a second, once enough is known.
  std::optional<double> on_arrived(uint32_t id, size_t bytes, double sent_ms, double arrived_ms);
  /// What came of it: adjusts the pause to the next.
  void on_result(bool better, core::TimePoint now);
  /// What it promised led to a queue: a longer pause.
  void on_contradicted(core::TimePoint now);
  /// The path is full: not before this.
  void hold_until(core::TimePoint when);

 private:
  struct Arrived {
    double first_sent = 0, last_sent = 0, first_arrived = 0, last_arrived = 0;
    size_t bytes = 0, first_bytes = 0, last_bytes = 0;
    int packets = 0;
  };
  bool active_ = false;
  uint32_t id_ = 0;
  double rate_ = 0;
  size_t wanted_ = 0, sent_ = 0;
  core::TimePoint began_{}, next_{}, doubt_until_{};
  core::Duration pause_{}, doubt_{};  ///< between probes; the least pause after contradictions
  bool answered_ = true;
  Arrived arrived_;
};

}  // namespace partyline::rtp
