// A room as the API tells it (docs/openapi.yaml).
#include <boost/json/array.hpp>

#include "gateway/room.hpp"
#include "gateway/track_json.hpp"

namespace partyline::gateway {
namespace {

// How the stream's publisher and players reach the SFU.
void add_links(boost::json::object& out, const std::string& stream, const std::vector<rtp::LinkReport>& links) {
  boost::json::array players;
  for (const auto& link : links) {
    if (link.stream != stream) continue;
    if (link.publishes) {
      out["publisher"] = describe_link(link);
    } else {
      players.push_back(describe_link(link));
    }
  }
  if (!players.empty()) out["players"] = std::move(players);
}

}  // namespace

boost::json::object Room::summary() const {
  return {{"name", name_},
          {"mixing", mixing()},
          {"legs", legs_.size()},
          {"outputs", outputs_.size() + recordings_.size()},
          {"streams", streams_.size()},
          {"mix_players", mix_players_.size()}};
}

boost::json::object Room::describe_output(const std::string& id) const {
  const auto found = outputs_.find(id);
  return found != outputs_.end() && found->second ? found->second->describe() : recordings_.describe(id);
}

boost::json::object Room::describe(core::TimePoint now) const {
  boost::json::object out{
      {"name", name_}, {"mixing", mixing()}, {"layout", layout_}, {"self_view", self_view_}, {"stereo", stereo()}};
  boost::json::array legs, outputs, streams, pushes;
  for (const auto& [id, leg] : legs_) legs.push_back(leg->describe(now));
  for (const auto& [id, output] : outputs_)
    if (output) outputs.push_back(output->describe());
  recordings_.describe(outputs);
  const auto links = services_.links ? services_.links->links(name_, true) : std::vector<rtp::LinkReport>{};
  for (const auto& [stream, info] : streams_) {
    boost::json::object entry{{"stream", stream}, {"name", info.display_name}, {"leg", info.leg}};
    add_links(entry, stream, links);
    streams.push_back(std::move(entry));
  }
  for (const auto& [stream, push] : pushes_) {
    boost::json::object entry{
        {"stream", stream}, {"state", push->state() == whip_client::PeerState::connected ? "connected" : "connecting"}};
    if (push->picture().rendition()) entry["video"] = describe_picture(push->picture(), push->stats());
    boost::json::object sent;
    describe_tracks(sent, push->stats(), push->rates());
    entry["sent"] = std::move(sent);
    add_links(entry, stream, links);
    boost::json::array layers;
    for (const auto& layer : push->layers()) {
      boost::json::object one{{"rid", layer.rid}, {"sent", layer.rendition.has_value()}};
      if (layer.rendition) {
        one["width"] = layer.rendition->size.width;
        one["height"] = layer.rendition->size.height;
        one["frames_per_second"] = layer.rendition->frames_per_second;
        one["target_bitrate"] = layer.target.bits_per_second;
      }
      layers.push_back(std::move(one));
    }
    if (!layers.empty()) entry["layers"] = std::move(layers);
    pushes.push_back(std::move(entry));
  }
  out["legs"] = std::move(legs);
  out["outputs"] = std::move(outputs);
  out["streams"] = std::move(streams);
  out["pushes"] = std::move(pushes);
  if (const auto stats = mixer_stats()) {
    out["mixer"] = {{"audio_passed", stats->audio_passed},         {"video_passed", stats->video_passed},
                    {"audio_encoders", stats->audio_encoders},     {"video_encoders", stats->video_encoders},
                    {"audio_outputs", stats->audio_outputs},       {"video_outputs", stats->video_outputs},
                    {"audio_ticks_late", stats->audio_ticks_late}, {"video_ticks_late", stats->video_ticks_late}};
  }
  return out;
}

}  // namespace partyline::gateway
