#include "sfu/answer.hpp"

#include <algorithm>

#include "core/random.hpp"

namespace partyline::sfu {
namespace {

namespace sdp = rtp::sdp;
using core::Codec;
using core::ErrorCode;
using core::MediaKind;

sdp::MediaCapabilities capabilities(MediaKind kind, std::vector<Codec> codecs, sdp::Direction direction) {
  sdp::MediaCapabilities result;
  result.kind = kind;
  result.codecs = std::move(codecs);
  result.prefer_offer_order = false;
  result.h264 = {0x42, 0xE0, 52, 1, true};  // forwarding has no level of its own
  result.telephone_event = false;
  result.rtx = true;
  result.red = kind == MediaKind::audio;
  result.direction = direction;
  result.transport_cc = true;
  result.remb = true;   // what a player's path carries, a publisher is told
  result.tmmbr = true;  // what a player has a use for, and which of a publisher's layers nobody has
  result.plain = false;
  return result;
}

core::Result<sdp::Description> parse_offer(std::string_view text) {
  auto offer = sdp::parse(text);
  if (!offer) return offer.error().with_context("the offer");
  if (offer->media.empty()) return core::make_error(ErrorCode::invalid, "the offer has no media section");
  return offer;
}

// Everything runs over one transport: that of the first section we take.
core::Result<> find_transport(AnswerDraft& draft) {
  draft.remote_ice = draft.plan.media.front().remote_ice;
  if (draft.remote_ice.ufrag.empty() || draft.remote_ice.pwd.empty())
    return core::make_error(ErrorCode::invalid, "the offer has no ICE credentials");
  for (const auto& media : draft.plan.media) {
    if (media.remote_ice.ufrag != draft.remote_ice.ufrag)
      return core::make_error(ErrorCode::unsupported, "all sections must be in one BUNDLE group");
    if (!media.rtcp_mux) return core::make_error(ErrorCode::unsupported, "rtcp-mux is required");
  }
  return {};
}

IncomingFormat incoming_format(const rtp::TrackConfig& track) {
  const rtp::PayloadFormat& format = track.receive_formats.front();
  IncomingFormat result;
  result.codec = format.codec;
  result.payload_type = format.payload_type;
  result.h264_packetization_mode = format.codec == Codec::h264 ? format.h264.packetization_mode : 0;
  result.ssrcs = track.remote_ssrcs;
  result.transport_cc_extension = track.transport_cc_extension;
  result.audio_level_extension = track.audio_level_extension;
  result.nack = format.nack;
  result.rtx_payload_type = format.rtx_payload_type;
  result.red_payload_type = track.red;
  result.pli = format.pli;
  result.fir = format.fir;
  result.remb = format.remb;
  result.tmmbr = format.tmmbr;
  return result;
}

OutgoingFormat outgoing_format(const rtp::PayloadFormat& format, std::optional<uint8_t> red) {
  return {format.codec, format.payload_type, format.codec == Codec::h264 ? format.h264.packetization_mode : 0,
          format.rtx_payload_type, red};
}

std::string write(const AnswerDraft& draft, const std::vector<sdp::LocalTransport>& transports, uint64_t session_id) {
  return sdp::to_string(sdp::write_answer(draft.offer, draft.plan, transports, session_id, 1));
}

sdp::LocalTransport local_transport(const rtp::IceDescription& local) {
  sdp::LocalTransport result;
  result.address = "0.0.0.0";
  result.rtcp_mux = true;
  result.ice = local;
  return result;
}

sdp::NegotiatedMedia* video_of(sdp::AnswerPlan& plan) {
  const auto is_video = [](const auto& media) { return media.track.kind == MediaKind::video; };
  const auto found = std::ranges::find_if(plan.media, is_video);
  return found == plan.media.end() ? nullptr : &*found;
}

// The plan for one codec joins those for better ones.
void merge(sdp::AnswerPlan& plan, sdp::AnswerPlan&& other) {
  sdp::NegotiatedMedia* const added = video_of(other);
  if (added == nullptr) return;
  if (sdp::NegotiatedMedia* const present = video_of(plan)) {
    if (present->index != added->index) return;
    auto& formats = present->track.receive_formats;
    formats.insert(formats.end(), added->track.receive_formats.begin(), added->track.receive_formats.end());
  } else {
    plan.media.push_back(std::move(*added));
  }
}

}  // namespace

core::Result<PublishDraft> draft_for_publisher(std::string_view text, const std::vector<Codec>& video_codecs) {
  auto offer = parse_offer(text);
  if (!offer) return offer.error();
  PublishDraft draft;
  draft.offer = std::move(*offer);
  auto plan = sdp::plan_answer(draft.offer, {capabilities(MediaKind::audio, {Codec::opus}, sdp::Direction::recvonly),
                                             capabilities(MediaKind::video, video_codecs, sdp::Direction::recvonly)});
  if (!plan) return plan.error();
  draft.plan = std::move(*plan);
  if (auto found = find_transport(draft); !found) return found.error();
  for (const auto& media : draft.plan.media) {
    if (!media.track.receiving) continue;
    auto& slot = media.track.kind == MediaKind::audio ? draft.formats.audio : draft.formats.video;
    slot = incoming_format(media.track);
    if (media.track.kind == MediaKind::video) slot->simulcast = offered_simulcast(draft.offer.media[media.index]);
    // Layers are told apart by their names: the SSRCs written down may be the first one's only.
    if (!slot->simulcast.rids.empty()) slot->ssrcs.clear();
  }
  if (!draft.formats.audio && !draft.formats.video)
    return core::make_error(ErrorCode::unsupported, "the offer sends nothing: a publisher's sections are sendonly");
  return draft;
}

core::Result<PlayDraft> draft_for_player(std::string_view text, const std::vector<Codec>& video_codecs,
                                         const std::optional<PublisherFormats>& publisher) {
  auto offer = parse_offer(text);
  if (!offer) return offer.error();
  PlayDraft draft;
  draft.offer = std::move(*offer);
  std::vector<Codec> candidates = video_codecs;
  if (publisher && publisher->video) candidates = {publisher->video->codec};
  std::optional<core::Error> refusal;
  for (const Codec codec : candidates) {
    auto plan = sdp::plan_answer(draft.offer, {capabilities(MediaKind::audio, {Codec::opus}, sdp::Direction::sendonly),
                                               capabilities(MediaKind::video, {codec}, sdp::Direction::sendonly)});
    if (!plan)
      refusal = plan.error();
    else if (draft.plan.media.empty())
      draft.plan = std::move(*plan);
    else
      merge(draft.plan, std::move(*plan));
  }
  if (draft.plan.media.empty())
    return refusal.value_or(core::make_error(ErrorCode::unsupported, "no codec of the offer is known here"));
  if (auto found = find_transport(draft); !found) return found.error();
  for (auto& media : draft.plan.media) {
    media.track.mid_extension = 0;  // a=ssrc tells the tracks apart
    if (!media.track.sending) continue;
    auto& formats = media.track.kind == MediaKind::audio ? draft.formats.audio : draft.formats.video;
    for (const auto& format : media.track.receive_formats)
      formats.push_back(outgoing_format(format, media.track.red_send));
    (media.track.kind == MediaKind::audio ? draft.formats.audio_transport_cc : draft.formats.video_transport_cc) =
        media.track.transport_cc_extension;
    if (media.track.kind == MediaKind::audio) draft.formats.audio_level_extension = media.track.audio_level_extension;
  }
  if (draft.formats.audio.empty() && draft.formats.video.empty())
    return core::make_error(ErrorCode::unsupported, "the offer receives nothing: a player's sections are recvonly");
  draft.formats.audio_ssrc = core::random_u32();
  draft.formats.video_ssrc = core::random_u32();
  draft.formats.video_rtx_ssrc = draft.formats.video_ssrc ^ 1;
  draft.formats.cname = core::random_token(16);
  return draft;
}

std::string write_publish_answer(const PublishDraft& draft, const rtp::IceDescription& local, uint64_t session_id) {
  const std::vector<sdp::LocalTransport> transports(draft.plan.media.size(), local_transport(local));
  sdp::Description answer = sdp::write_answer(draft.offer, draft.plan, transports, session_id, 1);
  for (const auto& media : draft.plan.media) {
    if (media.track.kind == MediaKind::video && draft.formats.video)
      accept_simulcast(draft.formats.video->simulcast, answer.media[media.index]);
  }
  return sdp::to_string(answer);
}

std::string write_play_answer(const PlayDraft& draft, const rtp::IceDescription& local, uint64_t session_id,
                              const std::string& stream_id) {
  std::vector<sdp::LocalTransport> transports;
  for (const auto& media : draft.plan.media) {
    const bool audio = media.track.kind == MediaKind::audio;
    sdp::LocalTransport transport = local_transport(local);
    transport.ssrc = audio ? draft.formats.audio_ssrc : draft.formats.video_ssrc;
    transport.rtx_ssrc = audio ? 0 : draft.formats.video_rtx_ssrc;
    transport.cname = draft.formats.cname;
    transport.msid_stream = stream_id;
    transport.msid_track = audio ? "audio" : "video";
    transports.push_back(std::move(transport));
  }
  return write(draft, transports, session_id);
}

}  // namespace partyline::sfu
