#include "rtp/sdp/formats.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/log.hpp"
#include "rtp/sdp/text.hpp"

namespace partyline::rtp::sdp {

namespace {

using core::Codec;
using text::equals_ignoring_case;

constexpr uint8_t baseline = 0x42, main = 0x4D, extended = 0x58, high = 0x64;
constexpr uint8_t set0 = 0x80, set1 = 0x40, set3 = 0x10;

constexpr size_t max_parameter_sets = 12, max_parameter_set_text = 700;
constexpr std::string_view base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct CodecRow {
  Codec codec;
  uint32_t clock_rate;
};
constexpr std::array codec_rows{CodecRow{Codec::opus, 48000}, CodecRow{Codec::g722, 8000},
                                CodecRow{Codec::g722, 16000},  // wrong but seen; it means the same stream
                                CodecRow{Codec::pcmu, 8000},  CodecRow{Codec::pcma, 8000},
                                CodecRow{Codec::h264, 90000}, CodecRow{Codec::vp8, 90000}};

/// Constrained baseline under any of its names (RFC 6184 table 5).
bool is_constrained_baseline(const H264Parameters& h264) {
  return (h264.profile_idc == baseline && (h264.profile_iop & set1)) ||
         (h264.profile_idc == main && (h264.profile_iop & set0)) ||
         (h264.profile_idc == extended && (h264.profile_iop & set0) && (h264.profile_iop & set1));
}

bool decodable(const H264Parameters& h264) {
  const bool known = h264.profile_idc == baseline || h264.profile_idc == main || h264.profile_idc == high;
  return (known || is_constrained_baseline(h264)) && h264.packetization_mode <= 1;
}

/// Level 1b hides in constraint_set3 of level 1.1 in the older profiles (H.264 A.3.1), and is 9 in the others.
bool is_level_1b(const H264Parameters& h264) {
  return h264.level_idc == 9 || (h264.level_idc == 11 && (h264.profile_iop & set3) && h264.profile_idc != high);
}

/// Levels in order: 1, 1b, 1.1 …
int level_rank(const H264Parameters& h264) {
  return is_level_1b(h264) ? 105 : h264.level_idc * 10;
}

/// `h264` at `from`'s level, its profile unchanged.
H264Parameters at_level_of(H264Parameters h264, const H264Parameters& from) {
  const bool one_b = is_level_1b(from);
  h264.level_idc = from.level_idc;
  if (h264.profile_idc == high) {
    if (one_b) h264.level_idc = 9;
  } else {
    h264.profile_iop = static_cast<uint8_t>(one_b ? h264.profile_iop | set3 : h264.profile_iop & ~set3);
    if (one_b) h264.level_idc = 11;
  }
  return h264;
}

bool acceptable(const Format& format, Codec codec, const MediaCapabilities& capabilities) {
  if (std::ranges::find(capabilities.codecs, codec) == capabilities.codecs.end()) return false;
  return codec != Codec::h264 ||
         h264_parameters(format.fmtp).packetization_mode <= capabilities.h264.packetization_mode;
}

int h264_rank(const Format& format) {
  const H264Parameters h264 = h264_parameters(format.fmtp);
  const int profile = is_constrained_baseline(h264)  ? 3
                      : h264.profile_idc == baseline ? 2
                      : h264.profile_idc == main     ? 1
                                                     : 0;
  return profile * 2 + h264.packetization_mode;
}

}  // namespace

std::optional<Codec> codec_of(const Format& format) {
  for (const CodecRow& row : codec_rows) {
    if (format.clock_rate != row.clock_rate || !equals_ignoring_case(format.encoding, core::name_of(row.codec)))
      continue;
    if (row.codec == Codec::h264 && !decodable(h264_parameters(format.fmtp))) return std::nullopt;
    return row.codec;
  }
  return std::nullopt;
}

bool is_telephone_event(const Format& format) {
  return equals_ignoring_case(format.encoding, "telephone-event") && format.clock_rate > 0;
}

std::optional<uint8_t> rtx_type_of(const std::vector<Format>& formats, uint8_t payload_type) {
  for (const Format& format : formats) {
    if (!equals_ignoring_case(format.encoding, "rtx") || format.clock_rate != 90000) continue;
    if (text::fmtp_number(format.fmtp, "apt", 256) == payload_type) return format.payload_type;
  }
  return std::nullopt;
}

Format rtx_format(uint8_t payload_type, uint8_t repeated) {
  Format format;
  format.payload_type = payload_type;
  format.encoding = "rtx";
  format.clock_rate = 90000;
  format.fmtp = fmt::format("apt={}", repeated);
  return format;
}

std::vector<std::vector<uint8_t>> parameter_sets_of(const std::string& fmtp) {
  std::vector<std::vector<uint8_t>> result;
  std::string_view rest = text::fmtp_parameter(fmtp, "sprop-parameter-sets").value_or("");
  while (!rest.empty() && result.size() < max_parameter_sets) {
    const std::string_view word = text::next_field(rest, ',');
    std::vector<uint8_t> nal;
    uint32_t bits = 0;
    int count = 0;
    bool valid = word.size() <= max_parameter_set_text;
    for (const char c : word.substr(0, word.find('='))) {
      const size_t value = base64.find(c);
      valid = valid && value != std::string_view::npos;
      bits = bits << 6 | static_cast<uint32_t>(value & 63);
      count += 6;
      if (count < 8) continue;
      count -= 8;
      nal.push_back(static_cast<uint8_t>(bits >> count));
    }
    if (valid && nal.size() >= 2) result.push_back(std::move(nal));
  }
  return result;
}

const Format* choose_red(const std::vector<Format>& formats, uint8_t payload_type, uint32_t clock_rate) {
  const std::string type = std::to_string(payload_type);
  const auto found = std::ranges::find_if(formats, [&](const Format& each) {
    if (!equals_ignoring_case(each.encoding, "red") || each.clock_rate != clock_rate) return false;
    std::string_view types = each.fmtp;  // up to the length of a message: never copied or moved about
    while (types.starts_with(type) && types.substr(type.size()).starts_with('/')) types.remove_prefix(type.size() + 1);
    return types.empty() || types == type;
  });
  return found == formats.end() ? nullptr : &*found;
}

const Format* choose_comfort_noise(const std::vector<Format>& formats, uint32_t clock_rate) {
  const auto found = std::ranges::find_if(formats, [&](const Format& each) {
    return equals_ignoring_case(each.encoding, "CN") && each.clock_rate == clock_rate;
  });
  return found == formats.end() ? nullptr : &*found;
}

PayloadFormat payload_format_of(const Format& format, Codec codec) {
  PayloadFormat result;
  result.payload_type = format.payload_type;
  result.codec = codec;
  result.channels = codec == Codec::opus ? 2 : format.channels;
  if (codec == Codec::h264) result.h264 = h264_parameters(format.fmtp);
  if (codec == Codec::h264 || codec == Codec::vp8) {
    result.max_frame_size = text::fmtp_number(format.fmtp, "max-fs", 0);
    result.max_frame_rate = text::fmtp_number(format.fmtp, "max-fr", 0);
  }
  if (codec == Codec::opus) {
    result.opus_inband_fec = text::fmtp_number(format.fmtp, "useinbandfec", 0) == 1;
    result.opus_stereo = text::fmtp_number(format.fmtp, "stereo", 0) == 1;
  }
  const auto offers = [&](std::string_view what) {
    return std::ranges::any_of(format.feedback, [&](const auto& each) { return equals_ignoring_case(each, what); });
  };
  result.nack = offers("nack");
  result.pli = offers("nack pli");
  result.fir = offers("ccm fir");
  result.tmmbr = offers("ccm tmmbr");
  result.remb = offers("goog-remb");
  result.transport_cc = offers("transport-cc");
  return result;
}

H264Parameters h264_parameters(const std::string& fmtp) {
  H264Parameters result;
  const auto id = text::fmtp_parameter(fmtp, "profile-level-id");
  if (const auto value = id && id->size() == 6 ? text::number<uint32_t>(*id, 16) : std::nullopt) {
    result.profile_idc = static_cast<uint8_t>(*value >> 16);
    result.profile_iop = static_cast<uint8_t>(*value >> 8);
    result.level_idc = static_cast<uint8_t>(*value);
  }
  result.packetization_mode = static_cast<int>(std::min(text::fmtp_number(fmtp, "packetization-mode", 0), 3U));
  result.level_asymmetry_allowed = text::fmtp_number(fmtp, "level-asymmetry-allowed", 0) == 1;
  return result;
}

std::string h264_fmtp(const H264Parameters& h264) {
  return fmt::format("{}packetization-mode={};profile-level-id={:02x}{:02x}{:02x}",
                     h264.level_asymmetry_allowed ? "level-asymmetry-allowed=1;" : "", h264.packetization_mode,
                     h264.profile_idc, h264.profile_iop, h264.level_idc);
}

bool is_baseline(const H264Parameters& h264) {
  return h264.profile_idc == baseline || is_constrained_baseline(h264);
}

bool same_profile(const H264Parameters& a, const H264Parameters& b) {
  return (is_baseline(a) && is_baseline(b)) || a.profile_idc == b.profile_idc;
}

H264Agreement agree_h264(const H264Parameters& theirs, const H264Parameters& ours) {
  const bool asymmetric = theirs.level_asymmetry_allowed && ours.level_asymmetry_allowed;
  H264Agreement result{theirs, theirs};
  result.receive.level_asymmetry_allowed = result.send.level_asymmetry_allowed = asymmetric;
  const bool ours_is_lower = level_rank(ours) < level_rank(theirs);
  if (asymmetric || ours_is_lower) result.receive = at_level_of(result.receive, ours);
  if (!asymmetric && ours_is_lower) result.send = at_level_of(result.send, ours);
  return result;
}

const Format* choose_format(const std::vector<Format>& formats, const MediaCapabilities& capabilities) {
  const auto best_of = [&](Codec codec) {
    const Format* best = nullptr;
    for (const Format& format : formats) {
      if (codec_of(format) != codec || !acceptable(format, codec, capabilities)) continue;
      if (!best || (codec == Codec::h264 && h264_rank(format) > h264_rank(*best))) best = &format;
    }
    return best;
  };
  if (capabilities.prefer_offer_order) {
    for (const Format& format : formats) {
      const auto codec = codec_of(format);
      if (codec && acceptable(format, *codec, capabilities)) return best_of(*codec);
    }
    return nullptr;
  }
  for (const Codec codec : capabilities.codecs) {
    if (const Format* best = best_of(codec)) return best;
  }
  return nullptr;
}

std::string encodings_of(const std::vector<Format>& formats) {
  std::string result;
  for (const Format& format : formats) {
    const std::string name =
        format.encoding.empty() ? fmt::format("type {}", format.payload_type) : core::printable(format.encoding);
    if (is_telephone_event(format) || result.find(name) != std::string::npos) continue;
    if (result.size() + name.size() > 200) return result + ", …";
    result += (result.empty() ? "" : ", ") + name;
  }
  return result.empty() ? "nothing" : result;
}

}  // namespace partyline::rtp::sdp
