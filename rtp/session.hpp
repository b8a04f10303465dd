// Session: RTP and RTCP of one transport, without the transport. Packets and `now` go in; frames, packets to send and
// facts come out through SessionEvents. A WebRTC leg has one session with all its tracks; a SIP leg one a media
// section.
//
//   receive_rtp ─▶ order, loss, NACK/PLI, depacketise ─▶ on_frame        send ─▶ packetise, history, pace ─▶ send_rtp
//   receive_rtcp ─▶ sync, RTT, resend, keyframe wishes                    tick ─▶ reports, retries         ─▶ send_rtcp
//
// Audio is handed on packet by packet as it arrives (duplicates and packets too late are dropped); the playout buffer
// that orders and conceals is the mixer's. Video is handed on as whole pictures in decoding order. Thread: the leg's
// executor. No sockets, no timers, no clock of its own. Events fire last, when the state is consistent; they may call
// back into the session except to destroy it. Sources: RFC 3550, 3551, 4585, 5104, 5506, 6184, 7741, 7587, 4733,
// 8888-style feedback is not used (transport-cc is).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/buffer.hpp"
#include "core/footprint.hpp"
#include "core/frame.hpp"
#include "core/time.hpp"
#include "rtp/format.hpp"

namespace partyline::rtp {

/// Maps RTP time of all streams of one sender (one CNAME) to our media clock, so that its audio and video agree
/// although they arrive in different sessions. Defined in rtp/remote_clock.hpp.
class RemoteClock;
/// Numbers and estimate of a transport with several sessions. Defined in rtp/transport_congestion.hpp.
struct TransportCongestion;

class SessionEvents {
 public:
  virtual ~SessionEvents() = default;
  /// Plain (unprotected) packets, valid during the call.
  virtual void send_rtp(std::span<const uint8_t> packet) = 0;
  virtual void send_rtcp(std::span<const uint8_t> packet) = 0;
  /// Around several packets at once: a transport may let them leave together at the end.
  virtual void begin_burst() {}
  virtual void end_burst() {}
  virtual void on_frame(const core::EncodedFrame& frame) = 0;
  /// One key press, once, when it begins (RFC 4733; repeats and end packets are folded). `digit`: 0-9 * # A-D.
  virtual void on_digit(char digit) = 0;
  /// The peer wants a keyframe of what we send (PLI or FIR).
  virtual void on_keyframe_request() = 0;
  /// What the path to the peer carries (transport-cc estimate, REMB or TMMBR).
  virtual void on_target_bitrate(core::Bitrate target) = 0;
};

struct SessionConfig {
  std::string cname;
  std::vector<TrackConfig> tracks;
  std::shared_ptr<RemoteClock> remote_clock;  ///< shared by the sessions of one leg; null: the session makes its own
  size_t max_packet_bytes = 1200;             ///< RTP header included, without SRTP's tag
  /// Of other sessions on the same transport (simulcast layers): what RTCP says of them is theirs.
  std::vector<uint32_t> neighbours{};
  /// Shared with those; null: the session has its own. One of them leads. The target of each is then what
  /// set_share() says and the peer allows.
  std::shared_ptr<TransportCongestion> congestion{};
  bool leads = true;
};

/// Per kind of media, since the session began.
struct TrackStats {
  bool present = false;
  core::Codec codec = core::Codec::pcmu;  ///< last received
  core::TimePoint last_packet{};          ///< arrival of the last valid packet; epoch: none yet
  uint64_t packets_received = 0, bytes_received = 0, packets_lost = 0, packets_discarded = 0, packets_recovered = 0;
  uint64_t packets_missing = 0;  ///< of those lost, not repaired by RTX or RED (what else was repaired is not in lost)
  uint64_t packets_late = 0;     ///< of those discarded, too late to be of use
  uint64_t packets_sent = 0, bytes_sent = 0, packets_resent = 0, padding_sent = 0;
  uint64_t frames_received = 0, keyframes_received = 0, frames_sent = 0, keyframes_sent = 0;
  uint64_t keyframes_requested_by_us = 0, keyframes_requested_by_peer = 0, nacks_sent = 0, nacks_received = 0;
  double jitter_ms = 0;           ///< RFC 3550 §6.4.1, of what we receive
  double round_trip_ms = 0;       ///< 0: not known yet
  int expected_loss = 0;          ///< per cent of what we send, to be prepared for: 0, 10 or 20
  double peer_fraction_lost = 0;  ///< 0…1, last report of the peer about what we send
  core::TimePoint reported_at{};  ///< when it said so; epoch: never
  /// Adds what `layer`, sent beside this one, has sent and was asked for.
  void add_sent(const TrackStats& layer);
};

struct SessionStats {
  TrackStats audio, video;
  core::Bitrate available_out;  ///< estimate; 0: not known
  double queueing_ms =
      0;  ///< of what we send, beyond the path's least delay; by transport-cc, else by receiver reports
};

class Session {
 public:
  /// `events` must outlive the session.
  Session(SessionConfig config, SessionEvents& events, core::TimePoint now);
  ~Session();
  Session(const Session&) = delete;

  /// `packet`: a decrypted RTP packet; kept by reference until its frame is delivered. Malformed or unknown ones are
  /// counted.
  void receive_rtp(core::Buffer packet, core::TimePoint now);
  /// A decrypted compound (or reduced-size) RTCP packet.
  void receive_rtcp(std::span<const uint8_t> packet, core::TimePoint now);
  /// Packetises and sends on the track of the frame's kind, if that track sends this codec; false (and counted)
  /// otherwise.
  bool send(const core::EncodedFrame& frame, core::TimePoint now);
  /// Asks the peer for a video keyframe, now and again with back-off until one arrives.
  void request_keyframe(core::TimePoint now);
  /// Does what is due (reports, NACK retries, paced packets) and returns when it wants to be called next: at most 10 ms
  /// ahead with video, 500 ms without. A call right after send() spreads large pictures better; none is needed.
  core::TimePoint tick(core::TimePoint now);
  enum class Path { same, another };
  /// A re-negotiation: tracks are matched by kind and mid; SSRCs, sequence numbers and statistics go on. `another`: the
  /// peer is elsewhere now, or somebody else; what was learnt of the way to it is forgotten.
  void reconfigure(std::vector<TrackConfig> tracks, core::TimePoint now, Path path = Path::same);
  /// What more bandwidth would be used for, bits a second: where transport-cc is agreed, the path is probed with
  /// padding up to it, and the target never goes far beyond. 0 (the start): nothing is probed.
  void set_bitrate_wish(core::Bitrate wish);
  /// Of what the shared transport carries, 0: nothing is to be sent.
  void set_share(core::Bitrate share, core::TimePoint now);
  /// What the peer allows by REMB or TMMBR; 0: it wants nothing of this now.
  std::optional<core::Bitrate> allowed() const;
  /// How long received audio waits until it is played, and how many packets so far were too late for that; told to
  /// peers that ask for it (RFC 3611 §4.7).
  void set_playout(core::Duration delay, uint64_t packets_late);
  /// More video from the peer than this would be of no use: it is told so by TMMBR, else REMB, whichever was agreed,
  /// together with what the path carries when it does not measure that itself. 0 (the start): no wish.
  void set_receive_wish(core::Bitrate wish);
  /// Sends RTCP BYE for all our SSRCs.
  void send_bye(core::TimePoint now);
  SessionStats stats() const;
  /// Of a packet of sound that is received, and of one that is sent.
  void add_footprint(core::Footprint& received, core::Footprint& sent) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace partyline::rtp
