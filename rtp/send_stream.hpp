// SendStream: one source (SSRC) of ours. Numbers packets, keeps the recent ones for NACK, and knows which NTP time an
// RTP time is for sender reports.
//
// The RTP↔NTP line goes through the frames' (capture, rtp_time) pairs: it follows small deviations slowly (1/64 a
// frame), so that two reports a second apart give a receiver the nominal rate (SRS rounds what it computes to whole kHz
// and drifts when that is off), and when a new encoder starts counting anew (more than 1 s off) the RTP time on the
// wire goes on without a jump. Thread: the session's.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/buffer.hpp"
#include "core/frame.hpp"
#include "rtp/packet.hpp"
#include "rtp/rtcp/rtcp.hpp"

namespace partyline::rtp {

/// The media clock as NTP: some date, since receivers use differences only. One constant for all, so that sessions
/// agree.
rtcp::NtpTime media_ntp(core::TimePoint time);

class SendStream {
 public:
  /// `ssrc` 0: random. `history`: packets kept.
  SendStream(uint32_t ssrc, size_t history);
  /// Another number of packets to be kept; forgets those of before.
  void keep(size_t history) {
    if (history != history_.size()) history_ = std::vector<Kept>(history);
  }

  uint32_t ssrc() const { return ssrc_; }
  /// The RTP time on the wire for a frame.
  RtpTime32 stamp(const core::EncodedFrame& frame);
  /// The RTP time on the wire of a moment, in the line of the frames so far.
  RtpTime32 stamp(core::TimePoint moment) const;
  Seq16 next_sequence() { return Seq16{sequence_++}; }
  /// Keeps a finished packet and counts it.
  void remember(const core::Buffer& packet, Seq16 sequence, size_t payload_bytes);
  /// The packet, unless it is gone or was resent less than `least_interval` ago.
  const core::Buffer* resend(Seq16 sequence, core::TimePoint now, core::Duration least_interval);

  /// Share of the last hundreds of packets that the peer asked for again. Its reports tell less: what was resent under
  /// its own number counts as received there.
  double asked_again() const { return asked_again_; }
  /// The packet, unless it is gone.
  const core::Buffer* find(Seq16 sequence) const;

  bool started() const { return anchor_.has_value(); }
  uint64_t packets() const { return packets_; }
  uint64_t bytes() const { return bytes_; }
  /// Without report blocks. Only when started().
  rtcp::SenderReport report(core::TimePoint now) const;

 private:
  struct Anchor {
    core::TimePoint capture;
    int64_t rtp_time = 0;  ///< without the random offset
  };
  struct Kept {
    core::Buffer packet;
    std::optional<Seq16> sequence;
    std::optional<core::TimePoint> resent;
  };
  int64_t units_since_anchor(core::TimePoint time) const;
  core::Duration duration_of(int64_t units) const;

  uint32_t ssrc_;
  uint16_t sequence_;
  uint32_t offset_;    ///< random start of RTP time
  int64_t shift_ = 0;  ///< added to rtp_time of frames since the encoder started anew
  int64_t clock_rate_ = 90000;
  std::optional<Anchor> anchor_;
  std::vector<Kept> history_;
  uint64_t packets_ = 0, bytes_ = 0;
  double asked_again_ = 0;
};

}  // namespace partyline::rtp
