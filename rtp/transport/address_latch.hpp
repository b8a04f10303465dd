// AddressLatch: decides where a plain RTP stream is sent and whom we listen to (symmetric RTP, RFC 4961, behind NATs).
//
//   SDP address ──kProbation packets in a row of one SSRC from one other address──▶ latched
//   latched ──the same probation, same host, and the latched port silent for kSilence──▶ latched to the new port
//
// Who may take a stream, for whoever may is sent what the peer was to hear (RFC 7362 on such attacks):
//   * until something is latched: the host that the SDP named. Another one only where the SDP's address cannot be the
//     one that we see: a private one (RFC 1918, 6598, 4193, link-local, loopback) or the wildcard, or one of the other
//     IP version (NAT64, phones that write what they do not use); where the packets come from a private address
//     themselves (both of us behind one NAT); or from the SDP address's own network (/24, IPv6 /64: relays that name
//     one of their addresses and send from another).
//   * latched: the same host, whatever its port. Nobody else, however long it is silent: set_remote() starts again.
// An SDP address that sent kProbation packets, or one RTCP packet, is latched, too: a peer that only listens says so.
//
// A target that is alive keeps its stream: its packets start the other's probation again. Others are heard only while
// the target is silent, so that the first syllable of a caller behind a NAT is not lost and a stray sender is never
// mixed into a call that works. Thread: pure logic, `now` is a parameter. Deliberately not done: checking sequence
// numbers (loss at the start of a call is common; an attacker who can send can also count).
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
  /// A valid RTCP packet came, on the port for RTP (`muxed`) or its own. True: it is the peer's. Reports come too
  /// seldom to measure silence by, but they say which host listens: a peer that sends nothing else is latched by them.
  bool receive_rtcp(const Endpoint& from, bool muxed);

  /// Where to send; nothing when the SDP said nowhere.
  std::optional<Endpoint> target() const;
  bool latched() const { return latched_; }

  AddressLatch() = default;

 private:
  explicit AddressLatch(const Endpoint& remote) : signalled_(remote), current_(remote) {}
  bool may_take(const Endpoint& from) const;

  Endpoint signalled_, current_;
  std::optional<core::TimePoint> last_heard_;  // RTP from current_
  bool latched_ = false;
  int heard_ = 0;  // packets from current_, up to kProbation
  Endpoint candidate_;
  uint32_t candidate_ssrc_ = 0;
  int streak_ = 0;  // packets in a row from candidate_
  boost::asio::ip::address reporter_;
  int reports_ = 0;  // in a row from reporter_, of RTCP
};

}  // namespace partyline::rtp
