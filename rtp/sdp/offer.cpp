// The offerer's side: write_offer and accept_answer.
#include <fmt/format.h>

#include <algorithm>

#include "rtp/sdp/formats.hpp"
#include "rtp/sdp/negotiation.hpp"
#include "rtp/sdp/section.hpp"
#include "rtp/sdp/text.hpp"

namespace partyline::rtp::sdp {

namespace {

using core::Codec;
using core::ErrorCode;

// Extension ids of our offers; Chromium's for the same ones.
constexpr uint8_t audio_level_id = 1, transport_cc_id = 3, mid_id = 4;

Format format_of(Codec codec, uint8_t payload_type, const MediaCapabilities& capabilities, bool feedback) {
  Format format;
  format.payload_type = payload_type;
  format.encoding = core::name_of(codec);
  format.clock_rate = core::clock_rate_of(codec);
  if (codec == Codec::opus) {
    format.channels = 2;
    format.fmtp =
        capabilities.stereo ? "minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1" : "minptime=10;useinbandfec=1";
  }
  PayloadFormat wanted;
  const bool video = core::kind_of(codec) == core::MediaKind::video;
  wanted.pli = wanted.fir = video;
  wanted.nack = (video || codec == Codec::opus) && capabilities.nack;
  wanted.tmmbr = video && capabilities.tmmbr;
  wanted.remb = video && capabilities.remb;
  wanted.transport_cc = capabilities.transport_cc;
  if (feedback) format.feedback = feedback_lines(wanted);
  return format;
}

void add_formats(Media& section, Codec codec, const MediaCapabilities& capabilities, const OfferOptions& options) {
  const auto add = [&](uint8_t payload_type) -> Format& {
    return section.formats.emplace_back(format_of(codec, payload_type, capabilities, true));
  };
  switch (codec) {
    case Codec::opus:
      add(options.opus);
      break;
    case Codec::pcmu:
      add(0);
      break;
    case Codec::pcma:
      add(8);
      break;
    case Codec::g722:
      add(9);
      break;
    case Codec::vp8:
      add(options.vp8);
      break;
    case Codec::h264: {
      H264Parameters h264 = capabilities.h264;
      if (h264.packetization_mode >= 1) {
        h264.packetization_mode = 1;
        add(options.h264_mode1).fmtp = h264_fmtp(h264);
        if (options.webrtc) break;  // every WebRTC peer knows mode 1 (RFC 7742 §6.2)
      }
      h264.packetization_mode = 0;
      add(options.h264_mode0).fmtp = h264_fmtp(h264);
      break;
    }
    case Codec::aac:
    case Codec::jpeg:
      break;  // not for RTP here
  }
}

void add_telephone_events(Media& section, const OfferOptions& options) {
  const auto add = [&](uint8_t payload_type, uint32_t clock_rate) {
    Format format;
    format.payload_type = payload_type;
    format.encoding = "telephone-event";
    format.clock_rate = clock_rate;
    format.fmtp = "0-15";
    section.formats.push_back(std::move(format));
  };
  const auto has_clock = [&](uint32_t rate) {
    return std::ranges::any_of(section.formats, [rate](const Format& each) { return each.clock_rate == rate; });
  };
  const bool narrow = has_clock(8000), wide = has_clock(48000);
  if (narrow) add(options.telephone_event, 8000);
  if (wide) add(options.telephone_event_48k, 48000);
}

Extension transport_cc_extension() {
  return {transport_cc_id, std::string(transport_cc_uri)};
}

void add_extensions(Media& section, const MediaCapabilities& capabilities) {
  if (capabilities.kind == core::MediaKind::audio) {
    section.extensions.push_back({audio_level_id, std::string(audio_level_uri)});
  }
  if (capabilities.transport_cc) section.extensions.push_back(transport_cc_extension());
  section.extensions.push_back({mid_id, std::string(mid_uri)});
}

/// RTX for every video format that is repeated at all, behind them all.
void add_rtx(Media& section, const OfferOptions& options) {
  for (const auto& [repeated, type] :
       {std::pair{options.vp8, options.vp8_rtx}, std::pair{options.h264_mode1, options.h264_mode1_rtx}}) {
    const auto found = std::ranges::find(section.formats, repeated, &Format::payload_type);
    if (found != section.formats.end()) section.formats.push_back(rtx_format(type, repeated));
  }
}

/// RED around Opus (RFC 2198), as Chromium offers it.
void add_red(Media& section, const OfferOptions& options) {
  const auto opus = std::ranges::find(section.formats, options.opus, &Format::payload_type);
  if (opus == section.formats.end()) return;
  Format format;
  format.payload_type = options.red;
  format.encoding = "red";
  format.clock_rate = opus->clock_rate;
  format.channels = opus->channels;
  format.fmtp = fmt::format("{0}/{0}", options.opus);
  section.formats.push_back(std::move(format));
}

Media offered_section(const MediaCapabilities& capabilities, const LocalTransport& transport,
                      const OfferOptions& options, size_t index) {
  Media section;
  section.kind = name_of(capabilities.kind);
  section.direction = capabilities.direction;
  section.bandwidth = transport.bandwidth;
  section.rtcp_mux = transport.rtcp_mux || options.webrtc;
  for (const Codec codec : capabilities.codecs) {
    if (core::kind_of(codec) == capabilities.kind) add_formats(section, codec, capabilities, options);
  }
  if (capabilities.red && options.webrtc) add_red(section, options);
  if (capabilities.kind == core::MediaKind::audio && capabilities.telephone_event) {
    add_telephone_events(section, options);
  }
  if (capabilities.kind == core::MediaKind::video && capabilities.rtx && capabilities.nack) {
    add_rtx(section, options);
  }
  if (options.webrtc) {
    section.protocol = "UDP/TLS/RTP/SAVPF";
    section.mid = std::to_string(index);
    section.rtcp_reduced_size = true;
    add_extensions(section, capabilities);
  } else {
    section.protocol = "RTP/AVP";
    section.attributes.push_back(extended_reports_attribute(true, {}));
    if (capabilities.transport_cc) section.extensions.push_back(transport_cc_extension());
    if (capabilities.kind == core::MediaKind::audio) section.packet_time_ms = 20;
  }
  write_transport(section, transport);
  if (transport.ice && section.ice.setup.empty()) section.ice.setup = "actpass";
  return section;
}

/// The answer's section for section `index` of our offer, or null when it was left out.
const Media* answer_for(const Description& offer, const Description& answer, size_t index) {
  const std::string& mid = offer.media[index].mid;
  const auto has_mid = [](const Media& media) { return !media.mid.empty(); };
  if (!mid.empty() && std::ranges::any_of(answer.media, has_mid)) {
    const auto found = std::ranges::find(answer.media, mid, &Media::mid);
    return found == answer.media.end() ? nullptr : &*found;
  }
  return index < answer.media.size() ? &answer.media[index] : nullptr;
}

/// An answered format and the one of our offer that it takes up.
struct Match {
  Format answered;
  const Format* offered = nullptr;
  Codec codec = Codec::pcmu;
};

std::optional<Match> match_format(const Media& offered, const Format& answered) {
  const auto same_type = std::ranges::find(offered.formats, answered.payload_type, &Format::payload_type);
  Match match{answered, nullptr, Codec::pcmu};
  if (same_type != offered.formats.end() && (answered.encoding.empty() || codec_of(*same_type) == codec_of(answered))) {
    match.offered = &*same_type;
    if (answered.encoding.empty()) {
      match.answered.encoding = same_type->encoding;
      match.answered.clock_rate = same_type->clock_rate;
    }
    // SRS leaves fmtp out; with our payload type it can only mean what we offered under it.
    if (answered.fmtp.empty()) match.answered.fmtp = same_type->fmtp;
  } else {
    // Another payload type for the same thing (RFC 3264 §6.1 lets the answerer choose its own).
    const auto codec = codec_of(answered);
    if (!codec) return std::nullopt;
    const int mode = h264_parameters(answered.fmtp).packetization_mode;
    for (const Format& each : offered.formats) {
      if (codec_of(each) != codec) continue;
      if (*codec == Codec::h264 && h264_parameters(each.fmtp).packetization_mode != mode) continue;
      match.offered = &each;
      break;
    }
  }
  const auto codec = match.offered ? codec_of(match.answered) : std::nullopt;
  if (!codec) return std::nullopt;
  match.codec = *codec;
  return match;
}

/// Our side of one matched format: what we receive under our type, what we send under theirs.
void add_match(TrackConfig& track, const Match& match, const MediaCapabilities& capabilities, const Media& ours,
               const Media& theirs) {
  PayloadFormat send = payload_format_of(match.answered, match.codec);
  agree_feedback(send, capabilities, track.transport_cc_extension);
  PayloadFormat receive = payload_format_of(*match.offered, match.codec);
  receive.nack = send.nack;
  receive.pli = send.pli;
  receive.fir = send.fir;
  receive.tmmbr = send.tmmbr;
  receive.remb = send.remb;
  receive.transport_cc = send.transport_cc;
  if (match.codec == Codec::h264) {
    const H264Parameters offered = receive.h264;
    const H264Agreement agreed = agree_h264(send.h264, offered);
    send.h264 = agreed.send;
    receive.h264 = agreed.receive;
    // The mode is the offered one whatever the answer's fmtp says (RFC 6184 §8.2.2: it must be the same).
    send.h264.packetization_mode = receive.h264.packetization_mode = offered.packetization_mode;
  }
  if (capabilities.rtx && send.nack) {
    send.rtx_payload_type = rtx_type_of(theirs.formats, send.payload_type);
    // Both or none: an answer without RTX means that nobody uses it.
    if (send.rtx_payload_type) receive.rtx_payload_type = rtx_type_of(ours.formats, receive.payload_type);
    if (!receive.rtx_payload_type) send.rtx_payload_type.reset();
  }
  if (match.codec == Codec::h264 && track.parameter_sets.empty()) {
    track.parameter_sets = parameter_sets_of(match.answered.fmtp);
  }
  const auto known = std::ranges::find(track.receive_formats, receive.payload_type, &PayloadFormat::payload_type);
  if (known == track.receive_formats.end()) track.receive_formats.push_back(receive);
  if (!track.send_format) track.send_format = send;
}

/// The answered event type at the clock rate of what we send, else the first; ours is the offered one of that clock.
void add_telephone_event(TrackConfig& track, const Media& offered, const Media& answered) {
  const Format* theirs = nullptr;
  for (const Format& format : answered.formats) {
    if (!is_telephone_event(format)) continue;
    const bool fits = format.clock_rate == core::clock_rate_of(track.send_format->codec);
    if (!theirs || fits) theirs = &format;
    if (fits) break;
  }
  if (!theirs) return;
  for (const Format& format : offered.formats) {
    if (!is_telephone_event(format) || format.clock_rate != theirs->clock_rate) continue;
    track.telephone_event = format.payload_type;
    return;
  }
}

/// RED on our type, and to the peer on its own.
void add_agreed_red(TrackConfig& track, const Media& offered, const Media& answered) {
  const auto ours = std::ranges::find(offered.formats, "red", &Format::encoding);
  const Format* theirs = choose_red(answered.formats, track.send_format->payload_type, 48000);
  if (ours == offered.formats.end() || !theirs) return;
  track.red = ours->payload_type;
  track.red_send = theirs->payload_type;
}

/// An answer may only take up what was offered, under the same id (RFC 8285 §6).
void keep_offered_extensions(TrackConfig& track, const Media& offered) {
  const auto keep = [&](uint8_t& id, std::string_view uri) {
    const auto found = std::ranges::find(offered.extensions, uri, &Extension::uri);
    if (found == offered.extensions.end() || found->id != id) id = 0;
  };
  keep(track.transport_cc_extension, transport_cc_uri);
  keep(track.audio_level_extension, audio_level_uri);
  keep(track.mid_extension, mid_uri);
}

/// Why the section came to nothing, or its result pushed to `accepted`.
std::string accept_section(const Description& offer, const Description& answer, size_t index,
                           const MediaCapabilities& capabilities, std::vector<NegotiatedMedia>& accepted) {
  const Media& ours = offer.media[index];
  const Media* theirs = answer_for(offer, answer, index);
  if (!theirs) return "left out of the answer";
  if (theirs->kind != ours.kind) return "answered as another kind of media";
  if (is_disabled(answer, *theirs)) return "refused";
  if (is_secure(theirs->protocol) != is_secure(ours.protocol)) return "answered with another protocol";
  if (is_secure(theirs->protocol) && theirs->ice.fingerprint.empty()) return "answered without a=fingerprint";

  const Direction direction =
      common(common(reversed(direction_of_peer(*theirs)), ours.direction), capabilities.direction);
  NegotiatedMedia result =
      section_facts(answer, static_cast<size_t>(theirs - answer.media.data()), capabilities, direction);
  result.index = index;
  keep_offered_extensions(result.track, ours);
  result.rtcp_mux = ours.rtcp_mux && theirs->rtcp_mux;
  TrackConfig& track = result.track;
  track.mid = ours.mid;
  track.reduced_size_rtcp = ours.rtcp_reduced_size && theirs->rtcp_reduced_size;
  if (!ours.ssrcs.empty()) track.local_ssrc = ours.ssrcs.front().ssrc;
  for (const Format& format : theirs->formats) {
    if (const auto match = match_format(ours, format)) add_match(track, *match, capabilities, ours, *theirs);
  }
  if (!track.send_format) return "answered with codecs that were not offered: " + encodings_of(theirs->formats);
  if (!track.send_format->transport_cc) track.transport_cc_extension = 0;
  track.packet_time_ms = packet_time(*theirs, track.send_format->codec);
  if (capabilities.kind == core::MediaKind::audio) add_telephone_event(track, ours, *theirs);
  if (capabilities.red) add_agreed_red(track, ours, *theirs);
  accepted.push_back(std::move(result));
  return {};
}

}  // namespace

Description write_offer(const std::vector<MediaCapabilities>& capabilities,
                        const std::vector<LocalTransport>& transports, const OfferOptions& options) {
  Description offer;
  offer.session_id = options.session_id;
  offer.session_version = options.session_version;
  const size_t sections = std::min(capabilities.size(), transports.size());
  for (size_t i = 0; i < sections; ++i) {
    offer.media.push_back(offered_section(capabilities[i], transports[i], options, i));
    if (options.webrtc) offer.bundle.push_back(offer.media.back().mid);
    if (offer.connection.empty()) offer.connection = transports[i].address;
    if (transports[i].ice) offer.ice_lite = offer.ice_lite || transports[i].ice->lite;
  }
  if (!offer.connection.empty()) offer.origin_address = offer.connection;
  if (options.webrtc) offer.attributes.emplace_back("msid-semantic: WMS *");
  return offer;
}

core::Result<std::vector<NegotiatedMedia>> accept_answer(const Description& offer, const Description& answer,
                                                         const std::vector<MediaCapabilities>& capabilities) {
  std::vector<NegotiatedMedia> accepted;
  std::string refusals;
  for (size_t i = 0; i < offer.media.size() && i < capabilities.size(); ++i) {
    const std::string why = accept_section(offer, answer, i, capabilities[i], accepted);
    if (!why.empty()) refusals += fmt::format("{}m={} {}", refusals.empty() ? "" : "; ", offer.media[i].kind, why);
  }
  if (accepted.empty())
    return make_error(ErrorCode::unsupported, "the answer takes up nothing of our offer: " + refusals);
  return accepted;
}

}  // namespace partyline::rtp::sdp
