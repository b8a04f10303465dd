// AddressLatch: decides where a plain RTP stream is sent and whom we listen to (symmetric RTP, RFC 4961, behind NATs).
//
//   SDP address ──kProbation packets in a row of one SSRC from one other address──▶ latched
//   latched ──the same probation, and the latched address silent for kSilence──▶ latched to the new one
//
// An SDP address that sent kProbation packets itself is latched, too. A target that is alive keeps its stream: its
// packets start the stranger's probation again. Strangers are heard only while the target is silent, so that the first
// syllable of a caller behind a NAT is not lost and a stray sender is never mixed into a call that works. Thread: pure
// logic, `now` is a parameter. Deliberately not done: checking sequence numbers (loss at the start of a call is common;
// an attacker who can send can also count).
#pragma once

#include <boost/asio/ip/udp.hpp>
#include <optional>

#include "core/time.hpp"

namespace partyline::rtp {

class AddressLatch {
 public:
  using Endpoint = boost::asio::ip::udp::endpoint;
  static constexpr int kProbation = 3;  // packets
  static constexpr core::Duration kSilence = std::chrono::milliseconds(500);

  /// The SDP named an address: everything learned before is forgotten. Port 0 or the wildcard (RFC 3264 §8.4 hold)
  /// stops sending.
  void set_remote(const Endpoint& remote) { *this = AddressLatch(remote); }

  /// A valid RTP packet came. True: it belongs to the stream; false: a stranger's, to be dropped.
  bool receive(const Endpoint& from, uint32_t ssrc, core::TimePoint now);

  /// Where to send; nothing when the SDP said nowhere.
  std::optional<Endpoint> target() const;
  bool latched() const { return latched_; }

  AddressLatch() = default;

 private:
  explicit AddressLatch(const Endpoint& remote) : signalled_(remote), current_(remote) {}

  Endpoint signalled_, current_;
  std::optional<core::TimePoint> last_heard_;  // from current_
  bool latched_ = false;
  int heard_ = 0;  // packets from current_, up to kProbation
  Endpoint candidate_;
  uint32_t candidate_ssrc_ = 0;
  int streak_ = 0;  // packets in a row from candidate_
};

}  // namespace partyline::rtp
