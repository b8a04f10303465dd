// ArrivalRecorder: when packets with a transport-wide sequence number arrived, for the feedback we owe their sender.
// Bounded: 2048 numbers; what does not fit is left out of the feedback. Thread: the session's.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/time.hpp"
#include "rtp/rtcp/rtcp.hpp"

namespace partyline::rtp {

class ArrivalRecorder {
 public:
  void record(Seq16 sequence, uint32_t media_ssrc, core::TimePoint now);
  bool empty() const { return arrivals_.empty(); }
  /// What arrived since the last call; false when nothing did. SSRC of the sender is the caller's to fill in. Call
  /// again until false: a pause of more than 8 s splits.
  bool take(rtcp::TransportFeedback& out);

 private:
  struct Arrival {
    int64_t sequence = 0;
    core::TimePoint at;
  };
  SequenceUnwrapper unwrapper_;
  std::vector<Arrival> arrivals_;
  std::optional<int64_t> next_;  ///< the first number not reported yet
  uint32_t media_ssrc_ = 0;
  uint8_t count_ = 0;
};

}  // namespace partyline::rtp
