#include "gateway/room_manager.hpp"

#include <fmt/format.h>

#include "core/log.hpp"
#include "core/random.hpp"
#include "gateway/event_bus.hpp"
#include "gateway/names.hpp"

namespace partyline::gateway {

using core::Error;
using core::ErrorCode;
using core::make_error;
using core::Result;

namespace {
constexpr char kMarkName[] = "partyline";

std::string_view words_for(sip::EndCause cause) {
  switch (cause) {
    case sip::EndCause::local_bye:
      return "we hung up";
    case sip::EndCause::remote_bye:
      return "the phone hung up";
    case sip::EndCause::cancelled:
      return "the call was cancelled";
    case sip::EndCause::rejected:
      return "the call was refused";
    case sip::EndCause::transport:
      return "the phone cannot be reached";
    case sip::EndCause::timeout:
      return "the phone did not answer in time";
  }
  return "ended";
}
}  // namespace

sip::Rejection rejection_for(const Error& error) {
  sip::Rejection rejection;
  rejection.warning = error.message;
  switch (error.code) {
    case ErrorCode::invalid:
      rejection.status = 400;
      break;
    case ErrorCode::unsupported:
      rejection.status = 488;
      break;
    case ErrorCode::not_found:
      rejection.status = 404;
      break;
    case ErrorCode::forbidden:
      rejection.status = 403;
      break;
    case ErrorCode::limit:
    case ErrorCode::unavailable:
      rejection.status = 503;
      rejection.retry_after_seconds = 30;
      break;
    default:
      rejection.status = 500;
      break;
  }
  return rejection;
}

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

void RoomManager::on_incoming_call(const sip::IncomingCall& call) {
  const auto refuse = [&](const Error& error) {
    const auto rejection = rejection_for(error);
    core::log_warn("call={} from {} to room {} refused with {}: {}", call.call, core::printable(call.from_uri),
                   core::printable(call.room), rejection.status, core::printable(error.message));
    services_.sip->reject(call.call, rejection);
    tidy(call.room);
  };
  if (stopped_) return refuse(make_error(ErrorCode::unavailable, "shutting down"));
  auto room = enter(call.room);
  if (!room) return refuse(room.error());
  SipLeg::Call info{call.call, call.display_name, call.from_uri, call.local_address};
  auto leg = (*room)->add_sip_leg(std::move(info));
  if (!leg) return refuse(leg.error());
  const std::string id = (*leg)->id();
  calls_[call.call] = {call.room, id};
  core::log_info("room={} leg={} call={} from {} ({}) at {} [{}]", call.room, id, call.call,
                 core::printable(call.from_uri), core::printable(call.display_name), call.remote_address,
                 core::printable(call.user_agent));
  auto sdp = call.sdp.empty() ? (*leg)->offer() : (*leg)->accept(call.sdp);
  if (!sdp) {
    calls_.erase(call.call);
    refuse(sdp.error());
    (*room)->remove_leg(id, sdp.error().message);
    return tidy(call.room);
  }
  (*leg)->set_digit_handler([this, name = call.room, id](char pressed) { digit(name, id, pressed); });
  services_.sip->ring(call.call);
  services_.sip->answer(call.call, std::move(*sdp));
}

std::shared_ptr<SipLeg> RoomManager::leg_of(sip::CallId call) {
  const auto found = calls_.find(call);
  if (found == calls_.end()) return nullptr;
  auto* room = find(found->second.room);
  return room ? std::dynamic_pointer_cast<SipLeg>(room->find_leg(found->second.leg)) : nullptr;
}

// An answer to our offer came, in an ACK or a 200.
void RoomManager::settle(sip::CallId call, const std::string& sdp) {
  const auto leg = leg_of(call);
  if (!leg) return;
  if (auto done = leg->accept_answer(sdp); !done) {
    const std::string why = "its SDP answer cannot be used: " + done.error().message;
    if (auto* room = find(calls_[call].room)) room->remove_leg(leg->id(), why);
  }
}

void RoomManager::on_established(sip::CallId call, const std::string& sdp) {
  if (!sdp.empty()) settle(call, sdp);
  if (const auto leg = leg_of(call)) leg->established();
}

void RoomManager::on_offer(sip::CallId call, const std::string& sdp) {
  const auto leg = leg_of(call);
  if (!leg) return services_.sip->refuse_offer(call, {.status = 481, .phrase = {}, .warning = {}});
  auto answer = sdp.empty() ? leg->offer() : leg->accept(sdp);
  if (!answer) {
    core::log_warn("leg={} re-INVITE refused: {}", leg->id(), core::printable(answer.error().message));
    return services_.sip->refuse_offer(call, rejection_for(answer.error()));
  }
  services_.sip->answer_offer(call, std::move(*answer));
  core::log_info("leg={} renegotiated, now {}", leg->id(), leg->state());
  services_.events->publish("leg.state", {{"room", calls_[call].room}, {"leg", leg->id()}, {"state", leg->state()}});
}

void RoomManager::on_progress(sip::CallId call, int status, const std::string&) {
  if (const auto leg = leg_of(call)) {
    core::log_info("leg={} call={} is ringing ({})", leg->id(), call, status);
    services_.events->publish("leg.state", {{"room", calls_[call].room}, {"leg", leg->id()}, {"state", "ringing"}});
  }
}

void RoomManager::on_answered(sip::CallId call, const std::string& sdp) {
  settle(call, sdp);
  if (const auto leg = leg_of(call)) leg->established();
}

void RoomManager::on_ended(sip::CallId call, sip::EndCause cause, int status, const std::string& reason) {
  const auto found = calls_.find(call);
  if (found == calls_.end()) return;
  const Call entry = found->second;
  calls_.erase(found);
  std::string why(words_for(cause));
  if (status >= 300)
    why += fmt::format(" ({} {})", status, reason);
  else if (!reason.empty())
    why += " (" + reason + ")";
  if (auto* room = find(entry.room)) room->remove_leg(entry.leg, why);
  tidy(entry.room);
}

void RoomManager::on_info_digit(sip::CallId call, char pressed) {
  if (const auto found = calls_.find(call); found != calls_.end())
    digit(found->second.room, found->second.leg, pressed);
}

void RoomManager::on_info_keyframe_request(sip::CallId call) {
  if (const auto leg = leg_of(call)) leg->send_keyframe();
}

void RoomManager::digit(const std::string& room, const std::string& leg, char pressed) {
  core::log_info("room={} leg={} pressed {}", room, leg, pressed);
  services_.events->publish("leg.digit", {{"room", room}, {"leg", leg}, {"digit", std::string(1, pressed)}});
}

Result<std::string> RoomManager::dial(const std::string& name, const std::string& uri) {
  if (!services_.sip) return make_error(ErrorCode::unavailable, "SIP is switched off ([sip] enabled)");
  if (!uri.starts_with("sip:") || uri.size() > 256 || uri.find_first_of(" \t\r\n<>\"") != std::string::npos)
    return make_error(ErrorCode::invalid, "'dial' must be a SIP URI such as sip:alice@192.0.2.1");
  auto room = enter(name);
  if (!room) return room.error();
  const std::string callee = uri.substr(4, uri.find_first_of("@;?", 4) - 4);
  const auto& sip = services_.config->sip;
  const std::string local = !sip.advertised_address.empty() ? sip.advertised_address : sip.address;
  if (local == "0.0.0.0" || local == "::")
    return make_error(ErrorCode::invalid, "dialling out needs [sip] advertised_address, or an address to listen on");
  auto leg = (*room)->add_sip_leg({0, callee.empty() ? uri : callee, uri, local});
  if (!leg) return leg.error();
  auto offer = (*leg)->offer();
  if (!offer) {
    (*room)->remove_leg((*leg)->id(), offer.error().message);
    tidy(name);
    return offer.error();
  }
  const auto call = services_.sip->dial(uri, name, name, std::move(*offer));
  (*leg)->set_call(call);
  calls_[call] = {name, (*leg)->id()};
  (*leg)->set_digit_handler([this, name, id = (*leg)->id()](char pressed) { digit(name, id, pressed); });
  core::log_info("room={} leg={} call={} dials {}", name, (*leg)->id(), call, core::printable(uri));
  return (*leg)->id();
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
  if (hook.server.empty() || hook.service.empty() || services_seen_.size() >= kMostServers) return;
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
