#include "whip_client/offer.hpp"

#include <algorithm>

#include "core/random.hpp"

namespace partyline::whip_client {

namespace {

using core::Codec;
using core::MediaKind;
using rtp::sdp::Direction;
using rtp::sdp::MediaCapabilities;

std::vector<MediaCapabilities> capabilities_of(Role role, const PeerConfig& config) {
  const bool publishing = role == Role::publisher;
  MediaCapabilities audio;
  audio.kind = MediaKind::audio;
  audio.codecs = {Codec::opus};
  audio.telephone_event = false;
  audio.stereo = config.stereo;
  audio.red = !publishing;  // an SFU may hand on what browsers send
  audio.direction = publishing ? Direction::sendonly : Direction::recvonly;
  std::vector<MediaCapabilities> all{audio};
  if (!config.video) return all;

  MediaCapabilities video;
  video.kind = MediaKind::video;
  video.codecs = config.video_codecs.empty() ? std::vector{Codec::h264} : config.video_codecs;
  if (publishing) video.codecs.resize(1);
  video.telephone_event = false;
  video.rtx = true;
  video.direction = audio.direction;
  video.transport_cc = true;        // a subscriber's feedback tells the SFU which layer its path carries
  video.remb = video.tmmbr = true;  // a subscriber says by it which simulcast layer it has a use for
  all.push_back(video);
  return all;
}

}  // namespace

Offer make_offer(Role role, const PeerConfig& config, const rtp::IceDescription& ice, uint64_t session_id,
                 std::array<uint32_t, 3> ssrcs) {
  Offer offer;
  offer.rtx_ssrc = ssrcs[2];
  offer.capabilities = capabilities_of(role, config);
  std::vector<rtp::sdp::LocalTransport> transports;
  const std::string stream = role == Role::publisher ? core::random_token(12) : std::string();
  for (size_t i = 0; i < offer.capabilities.size(); ++i) {
    rtp::sdp::LocalTransport transport;
    transport.address = "0.0.0.0";
    transport.rtcp_mux = true;
    transport.ice = ice;
    offer.ssrcs.push_back(ssrcs[i]);
    if (role == Role::publisher) {
      transport.ssrc = ssrcs[i];
      if (i == 1) transport.rtx_ssrc = ssrcs[2];
      transport.cname = config.cname;
      transport.msid_stream = stream;
      transport.msid_track = stream + (i == 0 ? "-audio" : "-video");
    }
    transports.push_back(std::move(transport));
  }
  rtp::sdp::OfferOptions options;
  options.webrtc = true;
  options.session_id = session_id;
  options.session_version = 1;
  offer.description = rtp::sdp::write_offer(offer.capabilities, transports, options);
  if (role == Role::publisher && config.simulcast.size() > 1 && offer.capabilities.size() > 1) {
    offer.simulcast = config.simulcast;
    offer_simulcast(offer.simulcast, offer.description.media[1]);
  }
  return offer;
}

core::Result<Agreement> accept(const Offer& offer, Role role, std::string_view answer) {
  const auto description = rtp::sdp::parse(answer);
  if (!description) return description.error().with_context("the answer");
  auto media = rtp::sdp::accept_answer(offer.description, *description, offer.capabilities);
  if (!media) return media.error().with_context("the answer");

  Agreement agreement;
  for (rtp::sdp::NegotiatedMedia& section : *media) {
    rtp::TrackConfig track = std::move(section.track);
    const bool wanted = role == Role::publisher ? track.sending : track.receiving;
    if (!wanted || section.index >= offer.ssrcs.size()) continue;
    track.local_ssrc = offer.ssrcs[section.index];
    track.local_rtx_ssrc = track.kind == MediaKind::video ? offer.rtx_ssrc : 0;
    if (agreement.ice.ufrag.empty()) agreement.ice = section.remote_ice;
    // BUNDLE: candidates may stand in any section (SRS writes them to each, others to the first only).
    if (agreement.ice.candidates.empty()) agreement.ice.candidates = section.remote_ice.candidates;
    if (track.kind == MediaKind::video && !offer.simulcast.empty()) {
      const auto answered = std::ranges::find(description->media, track.mid, &rtp::sdp::Media::mid);
      if (answered != description->media.end()) agreement.layers = agreed_layers(offer.simulcast, *answered, track);
      if (!agreement.layers.empty()) {
        for (size_t i = 0; i < agreement.layers.size(); ++i)
          agreement.layer_rates.push_back(offer.simulcast[i].bitrate);
        track = std::move(agreement.layers.front());
        agreement.layers.erase(agreement.layers.begin());
      }
    }
    agreement.tracks.push_back(std::move(track));
  }
  if (agreement.tracks.empty()) {
    return core::make_error(core::ErrorCode::unsupported, "the answer accepts no media");
  }
  return agreement;
}

}  // namespace partyline::whip_client
