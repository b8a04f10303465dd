// BandwidthEstimator: what the path to the peer carries, from transport-cc feedback (delay gradient, loss, probes) or,
// where that is not negotiated, from loss and round trip in receiver reports (ReportRate).
//
//   feedback ─▶ Trendline ─▶ AimdRate ──┐
//            ─▶ Throughput ────┘        ├─▶ rate ─▶ × share left while a queue stands ─▶ estimate()
//            ─▶ Prober ─────────────────┤
//            ─▶ loss ───────────────────┘
//
//   over    by Trendline, or at once when a queue beyond 60 ms grows by 10 ms from one feedback to the next, twice
//   queue   while the one-way delay is above its least of the last 20 s, the estimate is below the rate, so that the
//           queue empties in about a second whatever filled it
//   loss    over 10 % → × (1 − loss/2), unless a lower rate has lost as much: then the path loses by itself
//   silence a second without any feedback while sending → × 0.7, again every half second
//
// Thread: the session's. Sources: draft-ietf-rmcat-gcc-02, draft-holmer-rmcat-transport-wide-cc-extensions-01.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/time.hpp"
#include "rtp/bandwidth/aimd.hpp"
#include "rtp/bandwidth/prober.hpp"
#include "rtp/bandwidth/queue_meter.hpp"
#include "rtp/bandwidth/report_rate.hpp"
#include "rtp/bandwidth/trendline.hpp"
#include "rtp/rtcp/rtcp.hpp"

namespace partyline::rtp {

class BandwidthEstimator {
 public:
  /// A packet with this transport-wide number left.
  void on_sent(Seq16 sequence, size_t bytes, core::TimePoint now);
  void on_feedback(const rtcp::TransportFeedback& feedback, core::TimePoint now);
  /// Without transport-cc, a packet left: new, or again.
  void on_sent(Seq16 sequence, RtpTime32 time, size_t bytes, core::TimePoint now) {
    reports_.on_sent(sequence, time, bytes, now);
  }
  void on_sent_again(size_t bytes) { reports_.on_sent_again(bytes); }
  void on_keyframe_sent() { reports_.on_keyframe_sent(); }
  /// Without transport-cc, what the peer reports of the video and asks for.
  void on_report(const PathReport& report, core::TimePoint now);
  void on_keyframe_request(core::TimePoint now) {
    if (!last_feedback_) reports_.on_keyframe_request(now);
  }
  void on_asked_again(double share, core::TimePoint now) {
    if (!last_feedback_) reports_.on_asked_again(share, now);
  }
  /// Now and then: notices that feedback has ceased.
  void tick(core::TimePoint now);
  /// For new media, what is being resent taken off. Nothing until the first feedback or report.
  std::optional<core::Bitrate> estimate(core::TimePoint now) const;
  bool has_feedback() const { return last_feedback_.has_value(); }
  /// The path was measured, and carries less than there is a use for.
  bool limited() const { return (has_feedback() || reports_.known()) && (wish_ <= 0 || rate() < 0.9 * wish_); }
  /// Where to start: the peer's b= line or what the application means to send.
  void set_start(core::Bitrate start);
  /// What the application could make use of: nothing beyond it is looked for. 0: unknown, nothing is probed.
  void set_wish(core::Bitrate wish);
  core::Bitrate wish() const { return {static_cast<int64_t>(wish_)}; }
  /// Padding to send now, bytes; 0: none.
  size_t padding_due(core::TimePoint now) const { return prober_.due(now); }
  bool probing() const { return prober_.active(); }
  /// What comes back at present, queues included; nothing without transport-cc.
  std::optional<core::Duration> round_trip() const;
  /// Resending takes from what the path carries: false when that would be too much of it. True counts it.
  bool may_resend(size_t bytes, core::TimePoint now);
  /// What the peer allows, which is all that is known where nothing is measured here; 0: no bound.
  void set_bound(core::Bitrate bound) {
    bound_ = static_cast<double>(bound.bits_per_second);
    reports_.set_bound(bound_);
  }
  /// What is being resent, bits a second, at most half of `all`.
  double resent(double all, core::TimePoint now) const;
  /// How long packets wait on the path beyond its least delay, as last seen.
  core::Duration queueing_delay() const;

 private:
  struct Sent {
    int64_t sequence = -1;
    uint32_t bytes = 0, probe = 0;
    core::TimePoint at;
  };
  /// What one feedback message came to.
  struct Digest {
    size_t received = 0, lost = 0;
    double least_delay = 0;  ///< ms, arrival − sending
    std::optional<double> probed;
    core::TimePoint last_sent;
  };
  Digest digest(const rtcp::TransportFeedback& feedback);
  double unwrap(std::chrono::microseconds reference);
  LinkUse use() const { return queue_.judge(trend_.use()); }
  double rate() const { return has_feedback() || !reports_.known() ? rate_.rate() : reports_.rate(); }
  double share() const { return has_feedback() ? queue_.share() : 1; }
  void apply_loss(double fraction, core::TimePoint now);
  void apply_probe(double probed, core::TimePoint now);
  void on_over(core::TimePoint now);
  void probe_if_useful(core::TimePoint now);

  std::vector<Sent> sent_;  ///< made with the first numbered packet
  int64_t next_ = 0;
  Trendline trend_;
  Throughput through_, sending_;
  AimdRate rate_;
  ReportRate reports_;
  Prober prober_;
  double wish_ = 0;
  std::optional<core::TimePoint> last_feedback_;
  core::TimePoint last_sent_{}, last_silence_{};
  core::TimePoint resumed_{};  ///< when sending began again after a pause: what was not sent is not reported
  std::optional<std::chrono::microseconds> last_reference_;
  double reference_ms_ = 0;
  core::Duration round_trip_ = std::chrono::milliseconds(100);
  QueueMeter queue_;
  core::TimePoint jumped_{};  ///< when a probe last raised the rate
  double rate_before_jump_ = 0;
  // Resending.
  double resend_budget_ = 0, resend_rate_ = 0;  ///< bits; bits a second
  double bound_ = 0;
  core::TimePoint resend_at_{};
  // Loss.
  size_t counted_ = 0, counted_lost_ = 0;
  core::TimePoint counted_since_{}, loss_hold_{}, inherent_until_{};
  double loss_ = 0, inherent_loss_ = 0;
  double loss_before_ = 0, rate_before_ = 0;  ///< when a series of decreases for loss began; 0: none
};

}  // namespace partyline::rtp
