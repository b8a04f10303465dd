// Calls by SIP, in and out: which room they enter, and what becomes of them.
#include <fmt/format.h>

#include "core/log.hpp"
#include "gateway/event_bus.hpp"
#include "gateway/room_manager.hpp"

namespace partyline::gateway {

using core::Error;
using core::ErrorCode;
using core::make_error;
using core::Result;

namespace {

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
  info.pictures = call.sdp.empty() || call.sdp.find("m=video ") != std::string::npos;
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
  if (const auto leg = leg_of(call)) leg->press(pressed);
}

void RoomManager::on_info_keyframe_request(sip::CallId call) {
  if (const auto leg = leg_of(call)) leg->send_keyframe_by_info();
}

void RoomManager::digit(const std::string& room, const std::string& leg, char pressed) {
  core::log_info("room={} leg={} pressed {}", room, leg, pressed);
  services_.events->publish("leg.digit", {{"room", room}, {"leg", leg}, {"digit", std::string(1, pressed)}});
  if (auto* entered = find(room)) entered->on_digit(leg, pressed, core::Clock::now());
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

}  // namespace partyline::gateway
