// What a payload type means, and what one media section came to after offer/answer. Plain values, made by rtp/sdp's
// negotiation, consumed by rtp::Session. Thread: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/frame.hpp"

namespace partyline::rtp {

/// RFC 6184 §8.1. The defaults are what an absent fmtp means.
struct H264Parameters {
  uint8_t profile_idc = 0x42;  ///< 0x42 baseline
  uint8_t profile_iop = 0x00;  ///< constraint_set flags; 0xC0/0xE0: constrained baseline
  uint8_t level_idc = 10;      ///< level × 10 (31 = 3.1)
  int packetization_mode = 0;
  bool level_asymmetry_allowed = false;
  auto operator<=>(const H264Parameters&) const = default;
};

struct PayloadFormat {
  uint8_t payload_type = 0;  ///< 0…127
  core::Codec codec = core::Codec::pcmu;
  uint8_t channels = 1;         ///< audio
  H264Parameters h264;          ///< when codec == h264: what the *receiver* of this direction accepts
  uint32_t max_frame_size = 0;  ///< VP8 max-fs / H.264 max-fs in macroblocks; 0: not said
  uint32_t max_frame_rate = 0;  ///< VP8 max-fr, frames a second; 0: not said
  bool opus_inband_fec = false;
  bool opus_stereo = false;  ///< the receiver of this direction prefers stereo (RFC 7587 §6.1)
  bool nack = false;         ///< RFC 4585 feedback agreed for this type
  bool pli = false;
  bool fir = false;    ///< RFC 5104
  bool tmmbr = false;  ///< RFC 5104
  bool remb = false;
  bool transport_cc = false;
  std::optional<uint8_t> rtx_payload_type;  ///< RFC 4588: what repeats packets of this type; nothing: plain repetition
};

/// What of a statistics summary (RFC 3611 §4.6) is wanted and told.
struct StatisticsWish {
  bool loss = false, duplicates = false, jitter = false;
  bool any() const { return loss || duplicates || jitter; }
};

/// One m= section after offer/answer, from our side of the table.
struct TrackConfig {
  core::MediaKind kind = core::MediaKind::audio;
  std::string mid;
  bool sending = false;
  bool receiving = false;
  std::vector<PayloadFormat> receive_formats;  ///< what the peer may send us, by *our* payload types
  std::optional<PayloadFormat> send_format;    ///< what we send, with the peer's payload type
  std::optional<uint8_t> telephone_event;      ///< payload type we receive RFC 4733 events on
  std::optional<uint8_t> red, red_send;        ///< RFC 2198: payload types we receive, the peer receives
  uint8_t comfort_noise = 13;                  ///< RFC 3389: received beside 8 kHz codecs (RFC 3551 table 4)
  uint32_t packet_time_ms = 20;                ///< a=ptime wish of the peer for what we send
  uint32_t local_ssrc = 0;
  uint32_t local_rtx_ssrc = 0;         ///< of our repetitions, when agreed; 0: a random one
  std::vector<uint32_t> remote_ssrcs;  ///< from a=ssrc; empty: the first that arrives with a known payload type
  /// H.264 parameter sets of the peer's SDP (sprop-parameter-sets, RFC 6184 §8.1), NAL units.
  std::vector<std::vector<uint8_t>> parameter_sets;
  uint8_t transport_cc_extension = 0;  ///< RFC 8285 id; 0: not negotiated
  uint8_t audio_level_extension = 0;
  uint8_t mid_extension = 0;
  std::string rid;  ///< sending: the simulcast layer (RFC 8852), at most 8 characters; empty: none
  uint8_t rid_extension = 0, repaired_rid_extension = 0;
  bool receiver_reference = false;         ///< a=rtcp-xr:rcvr-rtt of the peer (RFC 3611 §5)
  bool voip_metrics = false;               ///< a=rtcp-xr:voip-metrics of the peer: it wants to be told (RFC 3611 §4.7)
  StatisticsWish statistics;               ///< a=rtcp-xr:stat-summary of the peer
  bool feedback_profile = false;           ///< RTP/AVPF or SAVPF: feedback may be sent at once (RFC 4585 §3.5)
  bool reduced_size_rtcp = false;          ///< RFC 5506
  std::optional<core::Bitrate> bandwidth;  ///< b=TIAS or b=AS of the peer: what we may send
};

}  // namespace partyline::rtp
