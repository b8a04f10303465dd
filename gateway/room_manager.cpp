#include "gateway/room_manager.hpp"

#include <fmt/format.h>

#include "core/log.hpp"
#include "core/random.hpp"
#include "gateway/event_bus.hpp"
#include "gateway/names.hpp"

namespace partyline::gateway {

using core::ErrorCode;
using core::make_error;
using core::Result;

namespace {
constexpr char kMarkName[] = "partyline";
}  // namespace

RoomManager::RoomManager(const Services& services)
    : services_(services),
      publish_mark_(fmt::format("{}={}", kMarkName, core::random_token(16))),
      timer_(services.executor) {}

RoomManager::~RoomManager() {
  stop();
}

void RoomManager::start() {
  for (const auto& room : services_.config->static_rooms) {
    auto& slot = rooms_[room.name];
    if (!slot) slot = std::make_unique<Room>(services_, room.name, publish_mark_, true);
    for (const auto& url : room.outputs)
      if (auto added = slot->add_output(url); !added)
        core::log_error("room={} output of the configuration is refused: {}", room.name, added.error().message);
  }
  check_later();
}

void RoomManager::stop() {
  if (std::exchange(stopped_, true)) return;
  timer_.cancel();
  rooms_.clear();
  calls_.clear();
}

void RoomManager::check_later() {
  timer_.expires_after(std::chrono::seconds(1));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || stopped_) return;
    const auto now = core::Clock::now();
    for (auto& [name, room] : rooms_) room->check(now);
    tell_load();
    std::erase_if(rooms_, [](const auto& room) { return room.second->unused(); });
    check_later();
  });
}

void RoomManager::tell_load() {
  const auto load = services_.engine->load();
  if (std::exchange(mixer_step_, load.step) == load.step) return;
  boost::json::array cuts;
  for (const auto& cut : load.cuts) cuts.emplace_back(cut);
  services_.events->publish("mixer.step", {{"step", load.step}, {"cuts", std::move(cuts)}});
}

Room* RoomManager::find(const std::string& name) {
  const auto found = rooms_.find(name);
  return found == rooms_.end() ? nullptr : found->second.get();
}

Result<Room*> RoomManager::enter(const std::string& name) {
  if (!is_valid_name(name)) return make_error(ErrorCode::not_found, std::string("no such room: ") + kNameRule);
  const auto& rooms = services_.config->rooms;
  if (matches_any(name, rooms.forbidden))
    return make_error(ErrorCode::forbidden, fmt::format("room {} is closed", name));
  if (auto* room = find(name)) return room;
  if (!rooms.create_on_demand) return make_error(ErrorCode::not_found, fmt::format("there is no room {}", name));
  if (rooms_.size() >= static_cast<size_t>(rooms.max_rooms))
    return make_error(ErrorCode::limit, fmt::format("all {} rooms are in use", rooms_.size()));
  auto& slot = rooms_[name];
  slot = std::make_unique<Room>(services_, name, publish_mark_, false);
  return slot.get();
}

void RoomManager::tidy(const std::string& name) {
  if (const auto found = rooms_.find(name); found != rooms_.end() && found->second->unused()) rooms_.erase(found);
}

Result<> RoomManager::judge_hook(const SrsHook& hook) {
  if (hook.action != SrsHook::Action::publish && hook.action != SrsHook::Action::play) return {};
  if (is_mix_stream(hook.stream)) {
    if (const auto listener = listener_of(hook.stream); !listener.empty() && !is_valid_name(listener))
      return make_error(ErrorCode::invalid, std::string("listener: ") + kNameRule);
    const bool ours = fmt::format("{}={}", kMarkName, hook.param_or(kMarkName, "")) == publish_mark_;
    if (hook.action == SrsHook::Action::publish && !ours)
      return make_error(ErrorCode::forbidden, fmt::format("the stream name {} is kept for the mix", hook.stream));
  } else if (!is_valid_name(hook.stream)) {
    return make_error(ErrorCode::invalid, std::string("stream: ") + kNameRule);
  }
  if (!is_valid_name(hook.room)) return make_error(ErrorCode::invalid, std::string("room: ") + kNameRule);
  const auto room = enter(hook.room);
  if (!room) return room.error();
  if (hook.action == SrsHook::Action::play && is_mix_stream(hook.stream))
    if (auto allowed = (*room)->may_mix(); !allowed) return allowed;
  return {};
}

// Faster than any time-out of media: the first hook of a restarted server tells that all sessions of before are gone.
void RoomManager::notice_restart(const SrsHook& hook) {
  constexpr size_t kMostServers = 1000;
  if (hook.server.empty() || hook.service.empty()) return;
  // Where each restart brings another name: better to learn all of them again than none any more.
  if (services_seen_.size() >= kMostServers && !services_seen_.contains(hook.server)) services_seen_.clear();
  const std::string before = std::exchange(services_seen_[hook.server], hook.service);
  if (before.empty() || before == hook.service) return;
  core::log_warn("the SFU {} has restarted: all its streams are connected anew", core::printable(hook.server));
  for (auto& [name, room] : rooms_) room->on_sfu_restarted(hook.server);
}

void RoomManager::apply_hook(const SrsHook& hook) {
  if (stopped_) return;
  notice_restart(hook);
  const bool mix = is_mix_stream(hook.stream);
  if (hook.action == SrsHook::Action::publish && !mix) {
    if (auto room = enter(hook.room))
      (*room)->on_stream_published(hook.stream, hook.client, hook.param_or("display", hook.stream), hook.server);
  } else if (hook.action == SrsHook::Action::play && mix) {
    if (auto room = enter(hook.room)) (*room)->on_mix_played(hook.stream, hook.client, hook.server);
  } else if (auto* room = find(hook.room)) {
    if (hook.action == SrsHook::Action::unpublish && !mix) room->on_stream_unpublished(hook.stream, hook.client);
    if (hook.action == SrsHook::Action::stop && mix) room->on_mix_stopped(hook.client);
    tidy(hook.room);
  }
}

}  // namespace partyline::gateway
