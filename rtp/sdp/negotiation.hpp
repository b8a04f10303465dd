// Offer/answer (RFC 3264, JSEP's subset that gateways need) as pure functions over descriptions. The one place that
// knows how codecs are matched (H.264 by RFC 6184 §8.2.2: profile, level with asymmetry, packetization mode; absent
// fmtp = its defaults), which feedback is agreed, and which payload types each direction uses.
//
// Used by SIP legs, the embedded SFU and the WHIP/WHEP clients alike; what differs is in MediaCapabilities.
#pragma once

#include <string>
#include <vector>

#include "core/result.hpp"
#include "rtp/format.hpp"
#include "rtp/sdp/description.hpp"

namespace partyline::rtp::sdp {

/// What we can do for one kind of media.
struct MediaCapabilities {
  core::MediaKind kind = core::MediaKind::audio;
  std::vector<core::Codec> codecs{};             ///< in our order of preference
  bool prefer_offer_order = true;                ///< answer: the offerer's first codec that we know wins
  H264Parameters h264{0x42, 0xE0, 31, 1, true};  ///< the most we decode; mode 0 and 1 are both understood
  bool telephone_event = true;
  Direction direction = Direction::sendrecv;  ///< what we are willing to do
  bool nack = true, rtx = false, transport_cc = false, remb = false, tmmbr = false;
  bool stereo = false;
  bool red = false;            ///< audio: RFC 2198 beside Opus
  bool comfort_noise = false;  ///< audio: RFC 3389 taken beside codecs of 8 kHz
  /// What this leg's transport can carry: RTP/AVP(F), and SAVP(F) keyed by DTLS. (SDES keys, a=crypto, never.)
  bool plain = true, dtls = true;
};

/// Our transport's words for one m= section of an answer or offer.
struct LocalTransport {
  std::string address{};   ///< for c=
  uint16_t port = 9;       ///< RTP
  uint16_t rtcp_port = 0;  ///< 0: with mux only
  bool rtcp_mux = false;   ///< answer: accept if offered; offer: offer it
  /// WebRTC only. `setup` in an answer: "active" or "passive" is written as it is; empty or "actpass" becomes what
  /// complements the offer ("passive" where the offer leaves the choice). In an offer: empty becomes "actpass".
  std::optional<IceDescription> ice{};
  uint32_t ssrc = 0;      ///< for a=ssrc; 0: none written
  uint32_t rtx_ssrc = 0;  ///< of repetitions, written (a=ssrc-group:FID) where RTX is offered or agreed
  std::string cname{}, msid_stream{}, msid_track{};
  std::optional<core::Bitrate> bandwidth{};  ///< b=: the most that we have a use for (RFC 3890, RFC 4566 §5.8)
};

struct NegotiatedMedia {
  size_t index = 0;  ///< of the m= section
  TrackConfig track;
  std::string protocol;
  bool rtcp_mux = false;
  bool comfort_noise = false;  ///< offered, and taken up in the answer
  std::string remote_address;  ///< c= of the peer (SIP)
  uint16_t remote_port = 0, remote_rtcp_port = 0;
  std::string remote_rtcp_address;
  Direction direction = Direction::inactive;  ///< ours, as agreed
  IceDescription remote_ice;
};

/// Which section of an offer gets which of our capabilities: the first acceptable section of each kind is used, all
/// others are answered with port 0 (or left out of BUNDLE). Returns nothing negotiated for sections we refuse; an
/// `unsupported` error when no section at all is acceptable (SIP: 488 with this message as Warning text; WHIP:
/// 406/422).
struct AnswerPlan {
  std::vector<NegotiatedMedia> media;
  std::vector<std::string> refusals;  ///< in words, one for each active section that is refused
};
core::Result<AnswerPlan> plan_answer(const Description& offer, const std::vector<MediaCapabilities>& capabilities);

/// The answer's description: same number and order of sections as the offer (RFC 3264 §6). `transports[i]` belongs to
/// `plan.media[i]`. Formats offered but not known are left out; every format of the answer was offered.
Description write_answer(const Description& offer, const AnswerPlan& plan,
                         const std::vector<LocalTransport>& transports, uint64_t session_id, uint64_t session_version);

/// An offer of ours: one section a capability, in order. `webrtc`: UDP/TLS/RTP/SAVPF with BUNDLE, mids 0, 1, …; else
/// RTP/AVP. H.264 is offered in mode 1, and outside WebRTC in mode 0 as well.
struct OfferOptions {
  bool webrtc = false;
  uint64_t session_id = 0, session_version = 0;
  /// Payload types; the defaults suit Chromium, SRS and Janus' fixed subscriber types (opus 111, VP8 96, H264 107/…).
  uint8_t opus = 111, vp8 = 96, h264_mode1 = 107, h264_mode0 = 108, telephone_event = 101;
  uint8_t vp8_rtx = 97, h264_mode1_rtx = 109;  ///< RFC 4588
  uint8_t red = 63;                            ///< Chromium's
  uint8_t telephone_event_48k = 110;           ///< beside Opus; `telephone_event` is the one of the 8 kHz codecs
};
Description write_offer(const std::vector<MediaCapabilities>& capabilities,
                        const std::vector<LocalTransport>& transports, const OfferOptions& options);

/// What our offer came to, given the peer's answer. Sections are matched by mid, else by position; missing ones are
/// refused (SRS leaves out what the publisher does not send).
core::Result<std::vector<NegotiatedMedia>> accept_answer(const Description& offer, const Description& answer,
                                                         const std::vector<MediaCapabilities>& capabilities);

}  // namespace partyline::rtp::sdp
