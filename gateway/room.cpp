#include "gateway/room.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/counters.hpp"
#include "core/log.hpp"
#include "gateway/event_bus.hpp"
#include "gateway/ids.hpp"
#include "gateway/names.hpp"

namespace partyline::gateway {

using core::ErrorCode;
using core::make_error;
using core::Result;

Room::Room(const Services& services, std::string name, std::string publish_mark, bool kept)
    : services_(services),
      name_(std::move(name)),
      publish_mark_(std::move(publish_mark)),
      kept_(kept),
      layout_(services.config->rooms.layout),
      self_view_(services.config->rooms.self_view),
      recordings_(services, name_) {
  services_.events->publish("room.created", {{"room", name_}});
}

Room::~Room() {
  streams_.clear();  // nothing is wanted any more: no update on the way down may start something again
  mix_players_.clear();
  outputs_.clear();
  while (!legs_.empty()) remove_leg(legs_.begin()->first, "the room is closed");
  stop_mixing();
  services_.events->publish("room.closed", {{"room", name_}});
}

bool Room::unused() const {
  return !kept_ && legs_.empty() && streams_.empty() && mix_players_.empty() && outputs_.empty();
}

bool Room::stereo() const {
  return matches_any(name_, services_.config->rooms.stereo);
}

bool Room::mix_wanted() const {
  return sip_legs_ > 0 || !outputs_.empty() || !mix_players_.empty();
}

Result<> Room::may_mix() const {
  if (mixer_ || kept_ || services_.engine->load().accepts_rooms) return {};
  static core::Counter& refused = core::counter("partyline_rooms_refused_total", "reason=\"overload\"");
  refused.add();
  return make_error(ErrorCode::unavailable, fmt::format("overloaded: room {} cannot be mixed now", name_));
}

void Room::update(bool pictures) {
  if (mix_wanted() && !mixer_) start_mixing(pictures);
  if (!mix_wanted() && mixer_) stop_mixing();
  if (mixer_) {
    for (auto& [stream, entry] : streams_)
      if (entry.leg.empty() && !entry.kicked) pull(stream, entry);
    bind_screens();
    update_pushes();
  }
}

void Room::start_mixing(bool pictures) {
  const auto& rooms = services_.config->rooms;
  mixer::RoomConfig config;
  config.name = name_;
  config.canvas = {rooms.width, rooms.height};
  config.frames_per_second = rooms.frames_per_second;
  config.video_bitrate = core::Bitrate::kbps(rooms.video_kbps);
  config.opus_bitrate = core::Bitrate::kbps(rooms.audio_kbps);
  config.layout = layout_;
  config.decor = services_.decor;
  config.cross_fade = std::chrono::milliseconds(rooms.fade_ms);
  config.comfort_noise_dbov = services_.config->audio.comfort_noise_dbov;
  config.stereo = stereo();
  // A push to a foreign SFU is encoded whether somebody looks at it or not.
  config.expects_pictures = pictures || (rooms.push_mix && !services_.config->sfu.embedded);
  mixer_ = services_.engine->create_room(config);
  core::log_info("room={} is mixed now, {}x{} at {} fps", name_, rooms.width, rooms.height, rooms.frames_per_second);
  services_.events->publish("room.mixing", {{"room", name_}, {"mixing", true}});
}

void Room::stop_mixing() {
  if (!mixer_) return;
  pushes_.clear();
  while (!stills_.empty()) remove_still(stills_.begin()->first);
  for (auto& [stream, entry] : streams_) {
    if (!entry.leg.empty()) remove_leg(entry.leg, "nobody needs the mix");
  }
  mixer_.reset();
  core::log_info("room={} is no longer mixed: nobody needs it", name_);
  services_.events->publish("room.mixing", {{"room", name_}, {"mixing", false}});
}

Result<std::shared_ptr<SipLeg>> Room::add_sip_leg(SipLeg::Call call) {
  if (legs_.size() >= static_cast<size_t>(services_.config->rooms.max_legs))
    return make_error(ErrorCode::limit, fmt::format("room {} is full ({} legs)", name_, legs_.size()));
  if (auto allowed = may_mix(); !allowed) return allowed.error();
  ++sip_legs_;
  call.stereo = stereo();
  update(call.pictures);
  auto leg = std::make_shared<SipLeg>(services_, next_id("sip"), std::move(call), *mixer_, picture());
  legs_[leg->id()] = leg;
  LegSettings settings = leg->settings();
  settings.self_view = self_view_;
  static_cast<Leg&>(*leg).apply(settings);
  recordings_.joined(leg);
  play(mixer::Tone::join);
  services_.events->publish("leg.joined",
                            {{"room", name_}, {"leg", leg->id()}, {"kind", "sip"}, {"name", leg->name()}});
  return leg;
}

void Room::play(mixer::Tone tone) {
  const std::string& tones = services_.config->audio.tones;
  if (!mixer_ || tones == "none" || (tone == mixer::Tone::leave && tones == "join")) return;
  mixer_->play(tone);
}

// By value: the caller's id is often the very key that is erased here.
bool Room::remove_leg(std::string id, const std::string& why) {
  const auto found = legs_.find(id);
  if (found == legs_.end()) return false;
  const auto leg = std::move(found->second);
  legs_.erase(found);
  recordings_.left(id);
  keypads_.erase(id);
  log_departure(*leg, why);
  unbind(leg->member());
  for (auto& [stream, entry] : streams_) {
    if (entry.leg != id) continue;
    entry.leg.clear();
    entry.settings = leg->settings();
  }
  const bool is_sip = leg->kind() == "sip";
  leg->close(why);
  if (is_sip) --sip_legs_;
  if (leg->is_person()) play(mixer::Tone::leave);
  services_.events->publish("leg.left",
                            {{"room", name_}, {"leg", id}, {"name", leg->name()}, {"why", core::printable(why)}});
  if (is_sip) update();
  return true;
}

bool Room::kick_leg(const std::string& id) {
  for (auto& [stream, entry] : streams_)
    if (entry.leg == id) entry.kicked = true;
  if (!remove_leg(id, "removed by the operator")) return false;
  update();  // its place may be somebody's who waits
  return true;
}

void Room::log_departure(Leg& leg, const std::string& why) const {
  const auto now = core::Clock::now();
  leg.observe(now);
  const auto stats = leg.stats();
  const auto link = leg.publisher_link();
  core::log_info("room={} leg={} left after {} s: {}; heard {} packets and {} pictures of it; {}{}", name_, leg.id(),
                 core::to_ms(now - leg.since()) / 1000, core::printable(why), stats.audio.packets_received,
                 stats.video.frames_received, leg.quality().verdict(now, std::chrono::system_clock::now()),
                 link ? "; before the SFU: " + link->words : "");
}

std::shared_ptr<Leg> Room::find_leg(const std::string& id) const {
  const auto found = legs_.find(id);
  return found == legs_.end() ? nullptr : found->second;
}

Result<std::string> Room::add_output(const std::string& url, bool each_leg) {
  constexpr size_t kMostOutputs = 20;
  if (outputs_.size() >= kMostOutputs)
    return make_error(ErrorCode::limit, fmt::format("room {} has {} outputs already", name_, outputs_.size()));
  if (auto valid = RoomOutput::check_url(services_, url); !valid) return valid.error();
  if (auto allowed = may_mix(); !allowed) return allowed.error();
  const std::string id = next_id("out");
  // The output is wanted before it exists: the mixer must be there to feed it.
  outputs_[id] = nullptr;
  const auto forget = [&] {
    outputs_.erase(id);
    update();
  };
  try {
    update();
    auto output = RoomOutput::create(services_, name_, id, url, *mixer_, picture());
    if (output) {
      outputs_[id] = std::move(*output);
    } else {
      forget();
      return output.error();
    }
  } catch (...) {
    forget();
    throw;
  }
  if (each_leg) recordings_.record_each(id, legs_);
  return id;
}

Result<std::string> Room::record_leg(const std::string& id) {
  const auto leg = find_leg(id);
  if (!leg) return make_error(ErrorCode::not_found, fmt::format("there is no leg {}", core::printable(id)));
  return recordings_.record(leg);
}

bool Room::remove_output(const std::string& id) {
  const bool of_legs = recordings_.remove(id);
  if (outputs_.erase(id) == 0 && !of_legs) return false;
  core::log_info("room={} output={} removed", name_, id);
  update();
  return true;
}

void Room::check(core::TimePoint now) {
  for (const auto& [id, leg] : legs_) {
    leg->observe(now);
    leg->check(now);
  }
  for (const auto& [stream, push] : pushes_) push->check(now);
  allot_own_views(now);
  std::vector<std::string> dead;
  for (const auto& [id, leg] : legs_)
    if (const auto* sip = dynamic_cast<const SipLeg*>(leg.get()); sip && sip->timed_out(now)) dead.push_back(id);
  for (const auto& id : dead) remove_leg(id, fmt::format("no RTP for {} s", services_.config->sip.rtp_timeout_seconds));
}

std::optional<mixer::RoomStats> Room::mixer_stats() const {
  if (!mixer_) return std::nullopt;
  return mixer_->stats();
}

}  // namespace partyline::gateway
