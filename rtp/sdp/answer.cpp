// The answerer's side: plan_answer and write_answer.
#include <fmt/format.h>

#include <algorithm>

#include "core/log.hpp"
#include "rtp/sdp/formats.hpp"
#include "rtp/sdp/negotiation.hpp"
#include "rtp/sdp/section.hpp"
#include "rtp/sdp/text.hpp"

namespace partyline::rtp::sdp {

namespace {

using core::ErrorCode;

/// telephone-event at the clock rate of the codec beside it (RFC 4733 §2.1), else whatever is offered first.
const Format* choose_telephone_event(const Media& media, uint32_t clock_rate) {
  const Format* first = nullptr;
  for (const Format& format : media.formats) {
    if (!is_telephone_event(format)) continue;
    if (format.clock_rate == clock_rate) return &format;
    if (!first) first = &format;
  }
  return first;
}

NegotiatedMedia plan_section(const Description& offer, size_t index, const MediaCapabilities& capabilities,
                             const Format& chosen) {
  const Media& media = offer.media[index];
  NegotiatedMedia result =
      section_facts(offer, index, capabilities, common(reversed(direction_of_peer(media)), capabilities.direction));
  TrackConfig& track = result.track;
  const core::Codec codec = *codec_of(chosen);
  PayloadFormat send = payload_format_of(chosen, codec);
  agree_feedback(send, capabilities, track.transport_cc_extension);
  if (!send.transport_cc) track.transport_cc_extension = 0;
  PayloadFormat receive = send;
  receive.max_frame_size = receive.max_frame_rate = 0;
  receive.opus_inband_fec = codec == core::Codec::opus;
  receive.opus_stereo = codec == core::Codec::opus && capabilities.stereo;
  if (codec == core::Codec::h264) {
    const H264Agreement agreed = agree_h264(send.h264, capabilities.h264);
    send.h264 = agreed.send;
    receive.h264 = agreed.receive;
  }
  if (codec == core::Codec::h264) track.parameter_sets = parameter_sets_of(chosen.fmtp);
  if (capabilities.rtx && send.nack) {
    send.rtx_payload_type = receive.rtx_payload_type = rtx_type_of(media.formats, chosen.payload_type);
  }
  track.send_format = send;
  track.receive_formats = {receive};
  track.packet_time_ms = packet_time(media, codec);
  const Format* red = capabilities.red ? choose_red(media.formats, chosen.payload_type, 48000) : nullptr;
  if (red != nullptr) {
    track.red = track.red_send = red->payload_type;
  }
  if (const Format* noise = choose_comfort_noise(media.formats, 8000); noise && capabilities.comfort_noise) {
    track.comfort_noise = noise->payload_type;
    result.comfort_noise = true;
  }
  if (capabilities.kind == core::MediaKind::audio && capabilities.telephone_event) {
    if (const Format* event = choose_telephone_event(media, chosen.clock_rate))
      track.telephone_event = event->payload_type;
  }
  return result;
}

/// Why this section cannot be used with this capability; empty when it can.
std::string refusal(const Media& media, const MediaCapabilities& capabilities) {
  if (std::string why = protocol_refusal(media, capabilities); !why.empty()) return why;
  if (choose_format(media.formats, capabilities)) return {};
  std::string ours;
  for (const core::Codec codec : capabilities.codecs) {
    ours += (ours.empty() ? "" : ", ") + std::string(core::name_of(codec));
  }
  return fmt::format("none of the offered codecs ({}) is known here ({})", encodings_of(media.formats), ours);
}

/// The format of the offer as we answer it: its name and type, our parameters.
Format answered_format(const Format& offered, const PayloadFormat& receive) {
  Format format = offered;
  format.feedback = feedback_lines(receive);
  switch (receive.codec) {
    case core::Codec::h264:
      // No fmtp means mode 0 at the defaults (RFC 6184 §8.1); who says nothing is answered with nothing.
      format.fmtp = offered.fmtp.empty() ? "" : h264_fmtp(receive.h264);
      break;
    case core::Codec::opus:
      format.fmtp =
          receive.opus_stereo ? "minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1" : "minptime=10;useinbandfec=1";
      break;
    default:
      format.fmtp.clear();
  }
  return format;
}

Media refused_section(const Media& offered) {
  Media section;
  section.kind = offered.kind;
  section.protocol = offered.protocol;
  section.mid = offered.mid;
  section.raw_formats = offered.raw_formats;
  // One format has to stand there; which one means nothing (RFC 3264 §6).
  if (!offered.formats.empty()) section.raw_formats.resize(1);
  if (section.raw_formats.empty()) section.raw_formats.emplace_back("0");
  section.direction = Direction::inactive;
  return section;
}

std::string answered_setup(const std::string& ours, const std::string& offered) {
  if (ours == "active" || ours == "passive") return ours;
  return offered == "passive" ? "active" : "passive";
}

Media answered_section(const Media& offered, const NegotiatedMedia& agreed, const LocalTransport& transport) {
  const TrackConfig& track = agreed.track;
  Media section;
  section.kind = offered.kind;
  section.protocol = offered.protocol;
  section.mid = offered.mid;
  section.direction = agreed.direction;
  section.bandwidth = transport.bandwidth;
  section.rtcp_mux = offered.rtcp_mux && transport.rtcp_mux;
  section.rtcp_reduced_size = track.reduced_size_rtcp;
  for (const PayloadFormat& receive : track.receive_formats) {
    const auto found = std::ranges::find(offered.formats, receive.payload_type, &Format::payload_type);
    if (found == offered.formats.end()) continue;
    section.formats.push_back(answered_format(*found, receive));
    if (receive.rtx_payload_type)
      section.formats.push_back(rtx_format(*receive.rtx_payload_type, receive.payload_type));
  }
  const auto add_as_offered = [&](uint8_t payload_type, std::string_view encoding, std::string_view fmtp) {
    const auto found = std::ranges::find(offered.formats, payload_type, &Format::payload_type);
    if (found == offered.formats.end() || !text::equals_ignoring_case(found->encoding, encoding)) return;
    section.formats.push_back(*found);
    section.formats.back().feedback.clear();
    section.formats.back().fmtp = fmtp;
  };
  const PayloadFormat& first = track.receive_formats.front();
  if (track.red) {
    add_as_offered(*track.red, "red", fmt::format("{0}/{0}", first.payload_type));
    // Who offers it first prefers it, and sends what stands first in the answer.
    const auto offered_red = std::ranges::find(offered.formats, *track.red, &Format::payload_type);
    const auto offered_first = std::ranges::find(offered.formats, first.payload_type, &Format::payload_type);
    if (offered_red < offered_first && section.formats.back().payload_type == *track.red)
      std::rotate(section.formats.begin(), section.formats.end() - 1, section.formats.end());
  }
  // Only beside codecs of its own clock rate (RFC 3389 §5).
  if (agreed.comfort_noise && core::clock_rate_of(first.codec) == 8000) add_as_offered(track.comfort_noise, "CN", "");
  if (track.telephone_event) add_as_offered(*track.telephone_event, "telephone-event", "0-15");
  for (const auto& [id, uri] :
       {std::pair{track.transport_cc_extension, transport_cc_uri},
        std::pair{track.audio_level_extension, audio_level_uri}, std::pair{track.mid_extension, mid_uri}}) {
    if (id != 0) section.extensions.push_back({id, std::string(uri)});
  }
  if (track.kind == core::MediaKind::audio && !transport.ice) section.packet_time_ms = track.packet_time_ms;
  std::string reports = extended_reports_attribute(track.receiver_reference, track.statistics);
  if (!reports.empty()) section.attributes.push_back(std::move(reports));
  write_transport(section, transport);
  if (transport.ice) section.ice.setup = answered_setup(transport.ice->setup, offered.ice.setup);
  return section;
}

}  // namespace

core::Result<AnswerPlan> plan_answer(const Description& offer, const std::vector<MediaCapabilities>& capabilities) {
  AnswerPlan plan;
  std::vector<bool> used(capabilities.size(), false);
  for (size_t i = 0; i < offer.media.size(); ++i) {
    const Media& media = offer.media[i];
    if (is_disabled(offer, media)) continue;
    std::string why;
    bool accepted = false;
    for (size_t k = 0; k < capabilities.size() && !accepted; ++k) {
      if (media.kind != name_of(capabilities[k].kind)) continue;
      if (used[k]) {
        if (why.empty()) why = "another section of the same kind is used";
        continue;
      }
      why = refusal(media, capabilities[k]);
      if (!why.empty()) continue;
      plan.media.push_back(plan_section(offer, i, capabilities[k], *choose_format(media.formats, capabilities[k])));
      used[k] = accepted = true;
    }
    if (accepted) continue;
    if (why.empty()) why = "this kind of media is not used here";
    plan.refusals.push_back(fmt::format("m={} (section {}): {}", core::printable(media.kind), i + 1, why));
  }
  if (!plan.media.empty()) return plan;
  if (plan.refusals.empty()) return make_error(ErrorCode::unsupported, "the offer has no active media section");
  std::string all;
  for (const std::string& each : plan.refusals) all += (all.empty() ? "" : "; ") + each;
  return make_error(ErrorCode::unsupported, "no section of the offer can be used: " + all);
}

Description write_answer(const Description& offer, const AnswerPlan& plan,
                         const std::vector<LocalTransport>& transports, uint64_t session_id, uint64_t session_version) {
  Description answer;
  answer.session_id = session_id;
  answer.session_version = session_version;
  std::vector<std::string> accepted_mids;
  for (size_t i = 0; i < offer.media.size(); ++i) {
    const auto agreed = std::ranges::find(plan.media, i, &NegotiatedMedia::index);
    const auto position = static_cast<size_t>(agreed - plan.media.begin());
    if (agreed == plan.media.end() || position >= transports.size()) {
      answer.media.push_back(refused_section(offer.media[i]));
      continue;
    }
    const LocalTransport& transport = transports[position];
    answer.media.push_back(answered_section(offer.media[i], *agreed, transport));
    accepted_mids.push_back(offer.media[i].mid);
    if (transport.ice) answer.ice_lite = answer.ice_lite || transport.ice->lite;
    if (answer.connection.empty()) answer.connection = transport.address;
  }
  for (const std::string& mid : offer.bundle) {
    if (!mid.empty() && std::ranges::find(accepted_mids, mid) != accepted_mids.end()) answer.bundle.push_back(mid);
  }
  if (!answer.connection.empty()) answer.origin_address = answer.connection;
  const auto has_msid = [](const Media& media) { return !media.msid.empty(); };
  if (std::ranges::any_of(answer.media, has_msid)) answer.attributes.emplace_back("msid-semantic: WMS *");
  return answer;
}

}  // namespace partyline::rtp::sdp
