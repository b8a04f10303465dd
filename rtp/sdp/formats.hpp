// How codecs are matched: an SDP format as one of our codecs, its parameters, and what two sides' parameters come to.
// Thread: pure functions. Sources: RFC 6184 §8.1, §8.2.2 (H.264), RFC 7587 (Opus), RFC 7741 (VP8), RFC 3551.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rtp/format.hpp"
#include "rtp/sdp/negotiation.hpp"

namespace partyline::rtp::sdp {

/// The codec that `format` names, if it is one of ours at its proper clock rate; H.264 only where we decode it
/// (baseline, main and high family; modes 0 and 1).
std::optional<core::Codec> codec_of(const Format& format);
bool is_telephone_event(const Format& format);
/// RED around packets of `payload_type` and nothing else (RFC 2198 §5: fmtp "111/111"), or null.
const Format* choose_red(const std::vector<Format>& formats, uint8_t payload_type, uint32_t clock_rate);
/// Comfort noise (RFC 3389) at the codec's clock rate, or null.
const Format* choose_comfort_noise(const std::vector<Format>& formats, uint32_t clock_rate);
/// The type that repeats packets of `payload_type` (RFC 4588 §8.6: rtx with apt), if there is one.
std::optional<uint8_t> rtx_type_of(const std::vector<Format>& formats, uint8_t payload_type);
Format rtx_format(uint8_t payload_type, uint8_t repeated);
/// The NAL units of sprop-parameter-sets; nothing that is not base64.
std::vector<std::vector<uint8_t>> parameter_sets_of(const std::string& fmtp);

/// The format's parameters as its writer receives them; feedback flags as offered, not yet agreed.
PayloadFormat payload_format_of(const Format& format, core::Codec codec);

H264Parameters h264_parameters(const std::string& fmtp);
/// "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
std::string h264_fmtp(const H264Parameters& parameters);
/// True when a constrained baseline stream (the only one we send) is what the parameters describe or plain baseline.
bool is_baseline(const H264Parameters& parameters);
bool same_profile(const H264Parameters& a, const H264Parameters& b);

/// RFC 6184 §8.2.2: with asymmetry allowed by both each side receives at its own level, else both at the lower one.
struct H264Agreement {
  H264Parameters receive;  ///< what we accept, and what our answer says
  H264Parameters send;     ///< what the peer accepts
};
H264Agreement agree_h264(const H264Parameters& theirs, const H264Parameters& ours);

/// The format of `formats` to answer with, or null. Codecs by the capability's preference; among several H.264 formats
/// the baseline family first, then the highest mode that both know.
const Format* choose_format(const std::vector<Format>& formats, const MediaCapabilities& capabilities);

/// "G729, iLBC": encodings for an error message.
std::string encodings_of(const std::vector<Format>& formats);

}  // namespace partyline::rtp::sdp
