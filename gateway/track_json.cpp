#include "gateway/track_json.hpp"

#include <boost/json/array.hpp>
#include <cmath>

namespace partyline::gateway {

double rounded(double value) {
  return std::round(value * 10) / 10;
}

boost::json::object describe_track(const rtp::TrackStats& track) {
  return {{"codec", core::name_of(track.codec)},
          {"packets_received", track.packets_received},
          {"packets_lost", track.packets_lost},
          {"packets_recovered", track.packets_recovered},
          {"packets_missing", track.packets_missing},
          {"packets_late", track.packets_late},
          {"packets_sent", track.packets_sent},
          {"packets_resent", track.packets_resent},
          {"bytes_received", track.bytes_received},
          {"bytes_sent", track.bytes_sent},
          {"nacks_sent", track.nacks_sent},
          {"nacks_received", track.nacks_received},
          {"jitter_ms", rounded(track.jitter_ms)},
          {"round_trip_ms", rounded(track.round_trip_ms)},
          {"peer_fraction_lost", rounded(track.peer_fraction_lost * 100) / 100}};
}

boost::json::object describe_video_track(const rtp::TrackStats& track) {
  auto video = describe_track(track);
  video["frames_received"] = track.frames_received;
  video["keyframes_received"] = track.keyframes_received;
  video["keyframes_requested"] = track.keyframes_requested_by_us;
  video["keyframes_sent"] = track.keyframes_sent;
  video["keyframes_requested_by_peer"] = track.keyframes_requested_by_peer;
  return video;
}

void describe_tracks(boost::json::object& out, const rtp::SessionStats& session, const rtp::LinkJournal::Rates& rates) {
  out["audio"] = nullptr;
  out["video"] = nullptr;
  const auto with_rates = [](boost::json::object track, core::Bitrate in, core::Bitrate away) {
    track["bitrate_in"] = in.bits_per_second;
    track["bitrate_out"] = away.bits_per_second;
    return track;
  };
  if (session.audio.present) out["audio"] = with_rates(describe_track(session.audio), rates.audio_in, rates.audio_out);
  if (session.video.present)
    out["video"] = with_rates(describe_video_track(session.video), rates.video_in, rates.video_out);
}

boost::json::object describe_link(const rtp::LinkReport& link) {
  boost::json::object out{
      {"client", link.client}, {"address", link.address}, {"seconds", core::to_ms(link.age) / 1000}};
  describe_tracks(out, link.figures.session, link.rates);
  if (link.figures.session.available_out.bits_per_second > 0)
    out["available_bitrate"] = link.figures.session.available_out.bits_per_second;
  if (!link.figures.layers.empty()) {
    boost::json::array layers;
    for (const auto& layer : link.figures.layers)
      layers.push_back({{"rid", layer.rid}, {"bitrate", layer.bitrate.bits_per_second}, {"comes", layer.comes}});
    out["layers"] = std::move(layers);
  }
  if (!link.figures.layer.empty()) out["layer"] = link.figures.layer;
  if (link.mos) out["mos"] = rounded(*link.mos);
  out["quality"] = link.words;
  return out;
}

}  // namespace partyline::gateway
