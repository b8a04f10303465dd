#include "rtp/sdp/section.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "core/log.hpp"
#include "rtp/sdp/text.hpp"

namespace partyline::rtp::sdp {

namespace {

constexpr size_t max_ssrcs = 16;

uint8_t extension_id(const Media& media, std::string_view uri) {
  const auto found = std::ranges::find(media.extensions, uri, &Extension::uri);
  // One-byte headers only (RFC 8285 §4.2).
  return found != media.extensions.end() && found->id <= 14 ? found->id : 0;
}

/// SSRCs that carry media: the second of each FID or FEC-FR group repeats or repairs the first (RFC 5576, 5956).
std::vector<uint32_t> media_ssrcs(const Media& media) {
  std::vector<uint32_t> repairs, result;
  for (const std::string& attribute : media.attributes) {
    std::string_view rest = attribute;
    const auto head = text::next_word(rest);
    if (head != "ssrc-group:FID" && head != "ssrc-group:FEC-FR") continue;
    text::next_word(rest);
    while (!rest.empty() && repairs.size() < max_ssrcs) {
      if (const auto ssrc = text::number<uint32_t>(text::next_word(rest))) repairs.push_back(*ssrc);
    }
  }
  for (const SsrcAttribute& each : media.ssrcs) {
    if (result.size() >= max_ssrcs) break;
    if (std::ranges::find(repairs, each.ssrc) != repairs.end()) continue;
    if (std::ranges::find(result, each.ssrc) == result.end()) result.push_back(each.ssrc);
  }
  return result;
}

/// The section's ICE words; in a BUNDLE those of the group's first section where it has none of its own.
IceDescription ice_of(const Description& peer, const Media& media) {
  if (!is_bundled(peer, media) || !media.ice.candidates.empty()) return media.ice;
  const auto first = std::ranges::find(peer.media, peer.bundle.front(), &Media::mid);
  const bool shared = first != peer.media.end() && (media.ice.ufrag.empty() || media.ice.ufrag == first->ice.ufrag);
  return shared ? first->ice : media.ice;
}

}  // namespace

bool is_bundled(const Description& description, const Media& media) {
  return !media.mid.empty() && std::ranges::find(description.bundle, media.mid) != description.bundle.end();
}

bool is_disabled(const Description& description, const Media& media) {
  if (media.port != 0) return false;
  const auto& words = media.attributes;
  return !is_bundled(description, media) || std::ranges::find(words, "bundle-only") == words.end();
}

bool sends(Direction direction) {
  return direction == Direction::sendrecv || direction == Direction::sendonly;
}

bool receives(Direction direction) {
  return direction == Direction::sendrecv || direction == Direction::recvonly;
}

Direction direction_of(bool sending, bool receiving) {
  if (sending) return receiving ? Direction::sendrecv : Direction::sendonly;
  return receiving ? Direction::recvonly : Direction::inactive;
}

Direction common(Direction a, Direction b) {
  return direction_of(sends(a) && sends(b), receives(a) && receives(b));
}

Direction direction_of_peer(const Media& media) {
  const bool zeros = media.connection == "0.0.0.0" || media.connection == "::";
  return zeros && media.ice.ufrag.empty() ? direction_of(sends(media.direction), false) : media.direction;
}

std::string extended_reports_attribute(bool receiver_reference, const StatisticsWish& statistics) {
  std::string reports = receiver_reference ? " rcvr-rtt=all" : "";
  if (statistics.any()) {
    std::string flags;
    if (statistics.loss) flags += ",loss";
    if (statistics.duplicates) flags += ",dup";
    if (statistics.jitter) flags += ",jitt";
    reports += " stat-summary=" + flags.substr(1);
  }
  return reports.empty() ? reports : "rtcp-xr:" + reports.substr(1);
}

static void each_word(std::string_view text, char separator, const std::function<void(std::string_view)>& take) {
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(separator));
    if (!word.empty()) take(word);
    text.remove_prefix(std::min(word.size() + 1, text.size()));
  }
}

/// What the peer's a=rtcp-xr asks for; one of the section stands for the session's (RFC 3611 §5.1).
static void read_extended_reports(const Description& peer, const Media& media, TrackConfig& track) {
  static constexpr std::string_view name = "rtcp-xr:";
  const auto is_ours = [](const std::string& attribute) { return attribute.starts_with(name); };
  const auto& attributes = std::ranges::any_of(media.attributes, is_ours) ? media.attributes : peer.attributes;
  const auto note_statistics = [&track](std::string_view flags) {
    StatisticsWish& wish = track.statistics;
    if (flags.empty()) wish = {true, true, true};
    each_word(flags, ',', [&wish](std::string_view flag) {
      wish.loss |= flag == "loss";
      wish.duplicates |= flag == "dup";
      wish.jitter |= flag == "jitt";
    });
  };
  for (const std::string& attribute : attributes) {
    if (!is_ours(attribute)) continue;
    each_word(std::string_view(attribute).substr(name.size()), ' ', [&](std::string_view report) {
      const std::string_view kind = report.substr(0, report.find('='));
      if (kind == "rcvr-rtt" && kind != report) track.receiver_reference = true;
      if (kind == "voip-metrics" && track.kind == core::MediaKind::audio) track.voip_metrics = true;
      if (kind == "stat-summary") note_statistics(report.substr(std::min(kind.size() + 1, report.size())));
    });
  }
}

std::string_view name_of(core::MediaKind kind) {
  return kind == core::MediaKind::audio ? "audio" : "video";
}

bool is_secure(std::string_view protocol) {
  return protocol.find("SAVP") != std::string_view::npos;
}

std::string protocol_refusal(const Media& media, const MediaCapabilities& capabilities) {
  const std::string& protocol = media.protocol;
  if (protocol == "RTP/AVP" || protocol == "RTP/AVPF") {
    return capabilities.plain ? "" : fmt::format("{} is not encrypted: offer UDP/TLS/RTP/SAVPF", protocol);
  }
  if (protocol != "RTP/SAVP" && protocol != "RTP/SAVPF" && protocol != "UDP/TLS/RTP/SAVP" &&
      protocol != "UDP/TLS/RTP/SAVPF") {
    return fmt::format("the protocol {} is not known", core::printable(protocol));
  }
  const std::string instead = !capabilities.dtls   ? "offer RTP/AVP"
                              : capabilities.plain ? "offer DTLS-SRTP (a=fingerprint) or RTP/AVP"
                                                   : "offer DTLS-SRTP (a=fingerprint)";
  if (media.ice.fingerprint.empty()) {
    return protocol.starts_with("UDP/TLS")
               ? fmt::format("{} has no a=fingerprint", protocol)
               : fmt::format("{} with keys in the SDP (SDES, a=crypto) is not supported: {}", protocol, instead);
  }
  return capabilities.dtls ? "" : fmt::format("{} (DTLS-SRTP) is not supported here: {}", protocol, instead);
}

NegotiatedMedia section_facts(const Description& peer, size_t index, const MediaCapabilities& capabilities,
                              Direction direction) {
  const Media& media = peer.media[index];
  NegotiatedMedia result;
  result.index = index;
  result.protocol = media.protocol;
  result.rtcp_mux = media.rtcp_mux;
  result.remote_address = media.connection;
  result.remote_port = media.port;
  const uint16_t next_port = media.port == 0 || media.port == 65535 ? 0 : static_cast<uint16_t>(media.port + 1);
  result.remote_rtcp_port = media.rtcp_mux ? media.port : media.rtcp_port.value_or(next_port);
  result.remote_rtcp_address = media.rtcp_mux || media.rtcp_address.empty() ? media.connection : media.rtcp_address;
  result.direction = direction;
  result.remote_ice = ice_of(peer, media);

  TrackConfig& track = result.track;
  track.kind = capabilities.kind;
  track.mid = media.mid;
  track.sending = sends(direction);
  track.receiving = receives(direction);
  track.remote_ssrcs = media_ssrcs(media);
  track.transport_cc_extension = capabilities.transport_cc ? extension_id(media, transport_cc_uri) : 0;
  track.audio_level_extension = capabilities.kind == core::MediaKind::audio ? extension_id(media, audio_level_uri) : 0;
  track.mid_extension = media.mid.empty() ? 0 : extension_id(media, mid_uri);
  track.feedback_profile = media.protocol.ends_with("AVPF");
  track.reduced_size_rtcp = media.rtcp_reduced_size;
  track.bandwidth = media.bandwidth;
  read_extended_reports(peer, media, track);
  return result;
}

void agree_feedback(PayloadFormat& format, const MediaCapabilities& capabilities, uint8_t transport_cc_extension) {
  const bool video = capabilities.kind == core::MediaKind::video;
  format.nack = format.nack && capabilities.nack;
  format.pli = format.pli && video;
  format.fir = format.fir && video;
  format.tmmbr = format.tmmbr && video && capabilities.tmmbr;
  format.remb = format.remb && video && capabilities.remb;
  format.transport_cc = format.transport_cc && capabilities.transport_cc && transport_cc_extension != 0;
}

std::vector<std::string> feedback_lines(const PayloadFormat& format) {
  std::vector<std::string> result;
  if (format.remb) result.emplace_back("goog-remb");
  if (format.transport_cc) result.emplace_back("transport-cc");
  if (format.fir) result.emplace_back("ccm fir");
  if (format.tmmbr) result.emplace_back("ccm tmmbr");
  if (format.nack) result.emplace_back("nack");
  if (format.pli) result.emplace_back("nack pli");
  return result;
}

uint32_t packet_time(const Media& media, core::Codec codec) {
  const uint32_t wish = media.packet_time_ms.value_or(20);
  if (codec != core::Codec::opus) return std::clamp(wish / 10 * 10, 10U, 60U);
  // Opus frames are 10, 20, 40 or 60 ms (RFC 6716 §2.1.4; the shorter ones are not for us).
  return wish >= 60 ? 60 : wish >= 40 ? 40 : wish >= 20 ? 20 : 10;
}

void write_transport(Media& section, const LocalTransport& transport) {
  section.connection = transport.address;
  section.port = transport.port;
  if (transport.rtcp_port != 0 && !section.rtcp_mux && transport.rtcp_port != transport.port + 1) {
    section.rtcp_port = transport.rtcp_port;
  }
  if (transport.ice) {
    section.ice = *transport.ice;
    section.end_of_candidates = !transport.ice->candidates.empty();
  }
  if (!sends(section.direction)) return;
  const std::string msid = transport.msid_stream.empty() ? "" : transport.msid_stream + " " + transport.msid_track;
  section.msid = msid;
  if (transport.ssrc == 0) return;
  // SRS learns its tracks from these lines only, and wants both attributes.
  if (!transport.cname.empty()) section.ssrcs.push_back({transport.ssrc, "cname:" + transport.cname});
  if (!msid.empty()) section.ssrcs.push_back({transport.ssrc, "msid:" + msid});
  const auto is_rtx = [](const Format& format) { return format.encoding == "rtx"; };
  if (transport.rtx_ssrc == 0 || std::ranges::none_of(section.formats, is_rtx)) return;
  section.attributes.push_back(fmt::format("ssrc-group:FID {} {}", transport.ssrc, transport.rtx_ssrc));
  if (!transport.cname.empty()) section.ssrcs.push_back({transport.rtx_ssrc, "cname:" + transport.cname});
  if (!msid.empty()) section.ssrcs.push_back({transport.rtx_ssrc, "msid:" + msid});
}

}  // namespace partyline::rtp::sdp
