// One track of a player: maps a publisher's numbering and clock into the player's own, which goes on without a jump
// when the publisher leaves and another one comes. Pure logic.
//
//   publisher 1: seq 65530…65535   publisher 2:            seq 17…      player: seq n … n+5, n+6 …   (no gap)
//                ts  a … a+5·3000               (2 s later) ts b             ts  m … m+15000, + 2 s …
#pragma once

#include <cstdint>
#include <optional>

#include "core/time.hpp"
#include "rtp/wire_types.hpp"

namespace partyline::sfu {

class OutgoingTrack {
 public:
  /// The first packet sent gets (about) these.
  OutgoingTrack(uint32_t ssrc, uint32_t clock_rate, uint16_t first_sequence, uint32_t first_time)
      : ssrc_(ssrc), clock_rate_(clock_rate), highest_(first_sequence), last_time_(first_time) {}

  uint32_t ssrc() const { return ssrc_; }

  struct Header {
    rtp::Seq16 sequence;
    rtp::RtpTime32 timestamp;
  };
  /// Starts to follow source `epoch` with this packet. No-op when it is followed already.
  void follow(uint64_t epoch, int64_t sequence, rtp::RtpTime32 timestamp, core::TimePoint now);
  bool follows(uint64_t epoch) const { return epoch_ == epoch; }
  /// Nothing for packets before the one that follow() was called with.
  std::optional<Header> map(int64_t sequence, rtp::RtpTime32 timestamp, core::TimePoint now);
  /// The source's number for one of ours (a NACK); nothing when it was not from the present source.
  std::optional<int64_t> source_sequence(rtp::Seq16 sequence) const;
  /// For packets sent again: map() without a trace.
  Header header_of(int64_t sequence, rtp::RtpTime32 timestamp) const;
  /// Of what was sent last.
  rtp::RtpTime32 last_time() const { return {last_time_}; }
  rtp::RtpTime32 map_time(rtp::RtpTime32 time) const { return {time.value + time_offset_}; }

  uint64_t packets = 0, octets = 0;  ///< sent; sender reports tell 32 bits of them

 private:
  uint32_t ssrc_;
  uint32_t clock_rate_;
  int64_t highest_;  // sent, unwrapped; kept positive by starting at 0…65535
  uint32_t last_time_;
  core::TimePoint last_sent_{};
  bool sent_ = false;
  std::optional<uint64_t> epoch_;
  int64_t first_source_ = 0, sequence_offset_ = 0;
  uint32_t time_offset_ = 0;
};

}  // namespace partyline::sfu
