// BandwidthEstimator: what the path to the peer carries, from transport-cc feedback (loss and delay gradient) or, where
// that is not negotiated, from the loss in receiver reports. Deliberately modest: it finds a congested path and backs
// off, and climbs again when the path is clear; it does not probe for more than is being sent.
//
//   delay: the queueing delay (arrival − send, against its least) of each feedback; rising for long enough → overuse →
//          0.85 × what got through, then held for 300 ms
//   loss:  over 10 % → × (1 − loss/2); under 2 % and no overuse → + 8 % a second, at most 1.5 × what got through + 100
//   k
//
// Thread: the session's. Sources: draft-ietf-rmcat-gcc-02 for the shape.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/time.hpp"
#include "rtp/rtcp/rtcp.hpp"

namespace partyline::rtp {

class BandwidthEstimator {
 public:
  /// A packet with this transport-wide number left.
  void on_sent(Seq16 sequence, size_t bytes, core::TimePoint now);
  void on_feedback(const rtcp::TransportFeedback& feedback, core::TimePoint now);
  /// Without transport-cc: fraction lost 0…1 of the last report interval.
  void on_loss_report(double fraction_lost, core::TimePoint now);
  /// Nothing until the first feedback.
  std::optional<core::Bitrate> estimate() const;
  bool has_feedback() const { return has_feedback_; }
  /// Where to start: the peer's b= line or what the application means to send.
  void set_start(core::Bitrate start);

 private:
  struct Sent {
    int64_t sequence = -1;
    uint32_t bytes = 0;
    core::TimePoint at;
  };
  void apply_loss(double fraction, core::TimePoint now);
  void update_delay(double queue_ms, core::TimePoint now);
  void grow(core::TimePoint now);

  std::vector<Sent> sent_;  ///< made with the first numbered packet
  int64_t next_ = 0;
  double rate_ = 2.5e6;  ///< bits a second
  bool has_feedback_ = false, any_ = false;
  std::optional<double> acked_rate_;
  double least_delay_ms_ = 0;
  core::TimePoint least_at_;
  std::optional<double> smooth_delay_ms_;
  double gradient_ = 0;  ///< ms of queue a feedback, smoothed
  core::TimePoint hold_until_, last_growth_;
  double loss_ = 0;
};

}  // namespace partyline::rtp
