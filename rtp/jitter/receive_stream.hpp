// ReceiveStream: one source (SSRC) as it arrives: which packets are new, late or twice, unwrapped numbers that go on
// when the sender starts its own anew, and the statistics of a report block.
//
// Sequence numbers (RFC 3550 A.1): a jump of more than 3000 forward or 500 back is believed only when the next packet
// follows it; the output then goes on by one, so that a restart is not taken for loss. When a source is replaced, or
// its timestamps jump against arrival, RTP time goes on by the time that has passed. Thread: the session's. Units: RTP
// time in `clock_rate` Hz.
#pragma once

#include <cstdint>
#include <optional>

#include "core/footprint.hpp"
#include "core/time.hpp"
#include "rtp/packet.hpp"
#include "rtp/rtcp/rtcp.hpp"
#include "rtp/wire_types.hpp"

namespace partyline::rtp {

class ReceiveStream {
 public:
  enum class Verdict { fresh, duplicate, late, probing };
  struct Arrival {
    Verdict verdict = Verdict::probing;
    int64_t sequence = 0;    ///< unwrapped; valid when fresh
    bool in_order = false;   ///< directly behind the highest so far
    bool newest = false;     ///< behind all so far, with or without a gap
    bool restarted = false;  ///< the sender began a new numbering with this packet
    int64_t skipped = 0;     ///< numbers left out between all so far and this one
  };

  uint32_t ssrc() const { return ssrc_; }
  bool active() const { return active_; }
  /// Takes another source from here on.
  void start(uint32_t ssrc, uint32_t clock_rate);
  /// Decides on a packet of this source.
  Arrival receive(const PacketView& packet, core::TimePoint now);
  /// Decides on a packet that was sent again, by its original number: its unwrapped number when it is of use. It stays
  /// lost as far as reports go.
  std::optional<int64_t> receive_repeated(Seq16 sequence);
  /// Unwrapped RTP time of a fresh packet; counts jitter. Not for telephone-events.
  int64_t receive_time(RtpTime32 timestamp, core::TimePoint now);
  /// Whether a packet of the last kWindow was received; `sequence` unwrapped.
  bool received(int64_t sequence) const {
    return highest_ && sequence <= *highest_ && sequence > *highest_ - kWindow && seen(sequence);
  }
  /// RTP time of a sender report on the same line as the packets'.
  std::optional<int64_t> time_of_report(RtpTime32 timestamp) const;
  /// Says that RTP time must go on by the time passed, whatever the sender wrote in this packet.
  void rebase_time(RtpTime32 timestamp, core::TimePoint now);

  void on_sender_report(rtcp::NtpTime ntp, core::TimePoint now);
  /// The next report block; starts a new interval.
  rtcp::ReportBlock report(core::TimePoint now);
  uint64_t lost() const;
  double jitter_ms() const { return clock_rate_ ? jitter_ * 1000.0 / clock_rate_ : 0; }
  /// |D| of RFC 3550 §6.4.1, in RTP time, between the last two packets given to receive_time(); nothing: a first one,
  /// or the sender's clock has jumped.
  std::optional<double> transit_difference() const { return transit_difference_; }
  uint32_t clock_rate() const { return clock_rate_; }
  core::TimePoint last_packet() const { return last_packet_; }
  /// Of a packet.
  void add_footprint(core::Footprint& footprint) const {
    footprint.add_between(this, &window_);
    if (highest_) footprint.add(window_[index(*highest_ + 1)]);
  }

 private:
  static constexpr int64_t kWindow = 1024;  // packets remembered against duplicates
  bool seen(int64_t sequence) const { return window_[index(sequence)] >> bit(sequence) & 1; }
  void mark(int64_t sequence) { window_[index(sequence)] |= uint64_t{1} << bit(sequence); }
  static size_t index(int64_t s) { return static_cast<size_t>(s) % kWindow / 64; }
  static unsigned bit(int64_t s) { return static_cast<size_t>(s) % 64; }
  void advance_to(int64_t sequence);
  void restart_at(Seq16 sequence);
  void count_jitter(RtpTime32 timestamp, core::TimePoint now);

  bool active_ = false;
  bool rebase_due_ = false;
  uint32_t ssrc_ = 0, clock_rate_ = 0;
  // Numbering. output = wire unwrapped + shift.
  uint16_t highest_wire_ = 0;
  std::optional<int64_t> highest_;
  core::TimePoint last_packet_;
  // Time.
  RtpTimeUnwrapper time_unwrapper_;
  int64_t time_shift_ = 0;
  std::optional<int64_t> last_time_;
  core::TimePoint last_time_at_;
  // Report block. Extended numbers of this numbering: highest − first + 1 expected.
  std::optional<uint32_t> last_transit_;
  std::optional<double> transit_difference_;
  double jitter_ = 0;
  int64_t first_ = 0;
  uint64_t received_ = 0, expected_before_ = 0, received_before_ = 0;
  std::array<uint64_t, kWindow / 64> window_{};
  int64_t next_after_restart_ = 0;
  std::optional<Seq16> expected_restart_;
  uint64_t lost_in_earlier_numberings_ = 0;
  uint32_t last_sender_report_ = 0;
  core::TimePoint last_sender_report_at_;
};

}  // namespace partyline::rtp
