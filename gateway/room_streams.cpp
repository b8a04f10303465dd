// A room's streams in the SFU: what its hooks tell, what is pulled and what is pushed.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/log.hpp"
#include "gateway/event_bus.hpp"
#include "gateway/ids.hpp"
#include "gateway/names.hpp"
#include "gateway/room.hpp"

namespace partyline::gateway {

void Room::pull(const std::string& name, Stream& stream) {
  if (legs_.size() >= static_cast<size_t>(services_.config->rooms.max_legs)) {
    core::log_warn("room={} stream {} is not pulled: the room is full ({} legs)", name_, name, legs_.size());
    return;
  }
  auto leg = std::make_shared<WhepLeg>(services_, next_id("whep"), name_, name,
                                       stream.display_name.empty() ? name : stream.display_name, *mixer_);
  stream.leg = leg->id();
  legs_[leg->id()] = leg;
  leg->apply(stream.settings);
  leg->start();
  recordings_.joined(leg);
  if (std::exchange(stream.arrives, false) && leg->is_person()) play(mixer::Tone::join);
  core::log_info("room={} leg={} joined: {} ({})", name_, leg->id(), core::printable(leg->name()), name);
  services_.events->publish("leg.joined",
                            {{"room", name_}, {"leg", leg->id()}, {"kind", "whep"}, {"name", leg->name()}});
}

void Room::on_stream_published(const std::string& stream, const std::string& client, const std::string& display_name,
                               const std::string& server) {
  auto& entry = streams_[stream];
  // A publisher that was replaced under the same name: the pull goes on, the SFU switches behind it.
  if (entry.client != client) {
    entry.kicked = false;
    entry.settings = {};
  }
  entry.client = client;
  entry.display_name = core::printable(display_name);
  entry.server = server;
  entry.arrives = mixing() && entry.leg.empty();
  services_.events->publish("stream.published", {{"room", name_}, {"stream", stream}, {"name", entry.display_name}});
  update();
}

void Room::on_stream_unpublished(const std::string& stream, const std::string& client) {
  const auto found = streams_.find(stream);
  if (found == streams_.end() || found->second.client != client) return;
  const std::string leg = found->second.leg;
  streams_.erase(found);
  if (!leg.empty()) remove_leg(leg, "its publisher has gone");
  services_.events->publish("stream.unpublished", {{"room", name_}, {"stream", stream}});
  update();
}

void Room::on_mix_played(const std::string& stream, const std::string& client, const std::string& server) {
  mix_players_[client] = {stream, server};
  update();
}

void Room::on_mix_stopped(const std::string& client) {
  if (mix_players_.erase(client) > 0) update();
}

void Room::on_sfu_restarted(const std::string& server) {
  std::vector<std::string> legs;
  std::erase_if(mix_players_, [&](const auto& player) { return player.second.server == server; });
  std::erase_if(streams_, [&](const auto& stream) {
    if (stream.second.server != server) return false;
    if (!stream.second.leg.empty()) legs.push_back(stream.second.leg);
    return true;
  });
  if (streams_.empty() && mix_players_.empty()) pushes_.clear();  // else one that was lost is pushed again by itself
  for (const auto& leg : legs) remove_leg(leg, "the SFU has restarted");
  update();
}

void Room::unbind(const mixer::Member* member) {
  for (auto& [stream, push] : pushes_)
    if (member && push->listener() == member) push->listen_as(nullptr);
}

// Who shares his screen hears neither himself nor what his screen plays.
void Room::bind_screens() {
  for (const auto& [name, stream] : streams_) {
    const auto screen = is_screen_stream(name) ? find_leg(stream.leg) : nullptr;
    if (!screen || !screen->member()) continue;
    const auto sharer = streams_.find(std::string(sharer_of(name)));
    const auto leg = sharer == streams_.end() ? nullptr : find_leg(sharer->second.leg);
    screen->member()->set_unheard_by(leg && leg->member() ? leg->member()->id() : 0);
  }
}

void Room::update_pushes() {
  std::set<std::string> wanted;
  if (services_.config->rooms.push_mix) wanted.insert(mix_stream_for(""));
  const auto most = static_cast<size_t>(services_.config->rooms.max_legs);  // each is a session with the SFU
  for (const auto& [client, player] : mix_players_)
    if (wanted.size() < most) wanted.insert(player.stream);
  std::erase_if(pushes_, [&](const auto& push) { return !wanted.contains(push.first); });
  for (const auto& stream : wanted) {
    auto& push = pushes_[stream];
    if (!push) push = std::make_unique<MixPush>(services_, name_, stream, publish_mark_, *mixer_, picture());
    mixer::Member* listener = nullptr;
    if (const auto published = streams_.find(std::string(listener_of(stream))); published != streams_.end())
      if (const auto leg = find_leg(published->second.leg)) listener = leg->member();
    push->listen_as(listener);
    // The embedded SFU tells of every player; of another one there may be more than hooks know.
    const bool played =
        std::ranges::any_of(mix_players_, [&](const auto& player) { return player.second.stream == stream; });
    push->set_watched(played || !services_.config->sfu.embedded);
  }
}

}  // namespace partyline::gateway
