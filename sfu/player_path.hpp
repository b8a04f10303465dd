// PlayerPath: what the way to a player carries. Most players send transport-cc feedback: then it is measured here, and
// asked with padding whether it carries more (rtp/bandwidth_estimator.hpp). Others say by REMB what gets through, which
// is no more than what they are sent: there it counts only when it falls while much is being sent, until it is well
// above that. What such a player may be sent again comes from the estimate, too: beside a full path every repetition
// pushes out something else, and players ask for the same packet ten times. Pure logic. Thread: the SFU's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "core/time.hpp"
#include "rtp/bandwidth_estimator.hpp"

namespace partyline::sfu {

class PlayerPath {
 public:
  /// The number of the next packet that carries one.
  uint16_t number() const { return next_; }
  /// A packet left with number().
  void on_sent(size_t bytes, core::TimePoint now) { estimator_.on_sent(rtp::Seq16{next_++}, bytes, now); }
  void on_feedback(const rtp::rtcp::TransportFeedback& feedback, core::TimePoint now) {
    estimator_.on_feedback(feedback, now);
  }
  /// REMB, bits a second.
  void on_estimate(double bits_per_second, core::TimePoint now);
  /// Every half second: what was sent, bits a second.
  void note_sent_rate(double bits_per_second) { sent_rate_ = 0.7 * sent_rate_ + 0.3 * bits_per_second; }
  /// What there is a use for: up to this the path is probed.
  void set_wish(core::Bitrate wish) { estimator_.set_wish(wish); }
  void tick(core::TimePoint now) { estimator_.tick(now); }
  bool probing() const { return estimator_.probing(); }
  /// Padding to send now, bytes.
  size_t padding_due(core::TimePoint now) const { return estimator_.padding_due(now); }
  /// Whether so much may be sent again now, of what the path carries; true counts it.
  bool may_resend(size_t bytes, core::TimePoint now);
  /// Queues included; nothing without transport-cc.
  std::optional<core::Duration> round_trip() const { return estimator_.round_trip(); }
  /// Bits a second, if less than the wish: nothing else is a limit.
  std::optional<double> limit(core::TimePoint now) const;

 private:
  static constexpr double kBinding = 1.3;  ///< × what is sent: an estimate above that is no limit
  static constexpr double kMuch = 300e3;   ///< bits a second
  static constexpr core::Duration kEstimateLasts = std::chrono::seconds(5);
  static constexpr double kRepeatShare = 0.5;  ///< of what is sent: repetitions while nothing says that it is too much
  static constexpr double kNarrowShare = 0.1;  ///< of an estimate that what is sent fills
  static constexpr double kRepeatBurst = 0.5;  ///< s

  bool narrow(core::TimePoint now) const { return congested_ && now - estimated_ <= kEstimateLasts; }

  rtp::BandwidthEstimator estimator_;
  uint16_t next_ = 0;
  double sent_rate_ = 0, estimate_ = 0, peak_ = 0;
  core::TimePoint estimated_{};
  bool congested_ = false;
  double repeat_bits_ = kRepeatShare * kMuch * kRepeatBurst;  ///< that may be sent again at once
  core::TimePoint repeated_{};
};

}  // namespace partyline::sfu
