#include <algorithm>

#include "core/log.hpp"
#include "sip/call.hpp"
#include "sip/header_text.hpp"

namespace partyline::sip {
namespace {

bool is_wildcard(const std::string& address) {
  return address.empty() || address == "0.0.0.0" || address == "::" || address == "*";
}

std::string room_of(const url_t& url) {
  const std::string user = text_of(url.url_user);
  return unescape_user(user).value_or(user);
}

std::string display_name_of(const sip_from_t& from) {
  const std::string display = unquoted(text_of(from.a_display));
  return display.empty() ? room_of(*from.a_url) : display;
}

}  // namespace

Call::Call(CallContext& context, CallId id) : context_(context), id_(id) {
  ++context_.active_calls;
}

Call::~Call() {
  if (state_ != State::ended) --context_.active_calls;
  for (nta_incoming_t* request : {invite_in_, reinvite_in_, offer_in_}) nta_incoming_destroy(request);
  for (nta_outgoing_t* request : {invite_out_, ack_out_, cancel_out_, bye_out_, refresh_out_, info_out_})
    if (request) nta_outgoing_destroy(request);
  if (leg_) nta_leg_destroy(leg_);
}

std::string Call::make_contact(bool tcp) const {
  const std::string& host =
      context_.config.advertised_address.empty() ? local_address_ : context_.config.advertised_address;
  return uri_host(host) + ":" + std::to_string(context_.port) + (tcp ? ";transport=tcp>" : ">");
}

Reply Call::make_reply(int status) const {
  Reply reply;
  reply.status = status;
  reply.server = context_.config.user_agent;
  if (status > 100 && status < 300) reply.contact = contact_;
  return reply;
}

Reply Call::make_rejection(const Rejection& rejection) const {
  Reply reply = make_reply(std::clamp(rejection.status, 300, 699));
  reply.phrase = std::string(trim(rejection.phrase));
  reply.phrase.erase(std::remove_if(reply.phrase.begin(), reply.phrase.end(),
                                    [](char c) { return static_cast<unsigned char>(c) < 0x20; }),
                     reply.phrase.end());
  if (!rejection.warning.empty()) reply.warning = warning_header(local_address_, rejection.warning);
  reply.retry_after_seconds = rejection.retry_after_seconds;
  return reply;
}

bool Call::refuse(nta_incoming_t* request, int status, const std::string& why, const std::string& accept) {
  core::log_info("call={} INVITE refused with {}: {}", id_, status, core::printable(why));
  Reply reply = make_rejection({.status = status, .phrase = {}, .warning = why});
  reply.accept = accept;
  if (status == 422) reply.min_se = std::to_string(SessionTimer::kMinimum.count());
  send_reply(request, reply);
  state_ = State::ended;
  --context_.active_calls;
  return false;
}

bool Call::receive_invite(nta_incoming_t* request, const sip_t& sip) {
  const std::string remote = source_address(request);
  const url_t& uri = *sip.sip_request->rq_url;
  const std::string dialled = text_of(uri.url_host);
  if (!is_wildcard(context_.config.listen_address))
    local_address_ = context_.config.listen_address;
  else
    local_address_ = is_local_address(dialled) ? dialled : route_source(remote);
  core::log_info("call={} INVITE from {} for {}, Call-ID {}, source {}", id_,
                 core::printable(plain_uri(*sip.sip_from->a_url)), core::printable(plain_uri(uri)),
                 core::printable(text_of(sip.sip_call_id->i_id)), remote);

  if (!sip.sip_contact || !sip.sip_contact->m_url->url_host) return refuse(request, 400, "Missing Contact header");
  const auto sdp = sdp_of(sip);
  if (!sdp) return refuse(request, 415, sdp.error().message, "application/sdp");
  const auto expires = session_expires_of(sip);
  if (expires && expires->interval < SessionTimer::kMinimum)
    return refuse(request, 422, "the session interval is too small");

  contact_ = "<sip:" + (uri.url_user ? std::string(uri.url_user) + "@" : "") + make_contact(over_tcp(sip));
  leg_ = nta_leg_tcreate(context_.agent, context_.on_request, magic_of<nta_leg_magic_t>(id_),
                         SIPTAG_CALL_ID(sip.sip_call_id), SIPTAG_FROM(sip.sip_to), SIPTAG_TO(sip.sip_from), TAG_END());
  if (!leg_ || !nta_leg_tag(leg_, nta_incoming_tag(request, nullptr)))
    return refuse(request, 500, "the dialog could not be made");
  nta_leg_server_route(leg_, sip.sip_record_route, sip.sip_contact);
  nta_incoming_bind(request, context_.on_ack_or_cancel, magic_of<nta_incoming_magic_t>(id_));
  invite_in_ = request;
  remote_sdp_ = *sdp;
  reliable_ringing_ = sip_has_feature(sip.sip_require, "100rel");
  peer_allows_update_ = allows_update(sip);
  timer_.answer_request(expires, supports_timer(sip), core::Clock::now());

  IncomingCall event;
  event.call = id_;
  event.room = room_of(uri);
  event.from_uri = plain_uri(*sip.sip_from->a_url);
  event.display_name = display_name_of(*sip.sip_from);
  event.user_agent = sip.sip_user_agent ? text_of(sip.sip_user_agent->g_string) : "";
  event.remote_address = remote;
  event.local_address = local_address_;
  event.sdp = *sdp;
  context_.outbox.post([event](SipEvents& events) { events.on_incoming_call(event); });
  return true;
}

void Call::ring() {
  if (state_ != State::received) return;
  core::log_info("call={} ringing (180)", id_);
  if (reliable_ringing_)
    send_reliable_reply(invite_in_, make_reply(180), context_.on_prack, magic_of<nta_reliable_magic_t>(id_));
  else
    send_reply(invite_in_, make_reply(180));
}

void Call::answer(const std::string& sdp) {
  if (state_ != State::received) return core::log_debug("call={} answer() in a state that has no question", id_);
  if (sdp.empty()) return reject({.status = 500, .phrase = {}, .warning = "no media description to answer with"});
  Reply reply = make_reply(200);
  reply.sdp = sdp;
  reply.session_expires = timer_.response_header();
  reply.require_timer = timer_.requires_timer();
  local_sdp_ = sdp;
  ack_brings_answer_ = remote_sdp_.empty();
  state_ = State::answered;
  ack_deadline_ = core::Clock::now() + 64 * context_.config.t1 + std::chrono::seconds(2);
  if (send_reply(invite_in_, reply)) {
    core::log_info("call={} answered (200){}", id_, ack_brings_answer_ ? ", with our offer" : "");
  } else {
    core::log_warn("call={} the 200 could not be sent", id_);
    end(EndCause::transport, 500, "the answer could not be sent");
  }
}

void Call::reject(const Rejection& rejection) {
  if (state_ != State::received) return;
  const Reply reply = make_rejection(rejection);
  send_reply(invite_in_, reply);
  end(EndCause::rejected, reply.status, reply.phrase.empty() ? standard_phrase(reply.status) : reply.phrase);
}

bool Call::dial(const std::string& target_uri, const std::string& from_user, const std::string& display_name,
                const std::string& sdp) {
  state_ = State::calling;
  const std::string_view given = target_uri;
  const bool has_scheme = same_word(given.substr(0, 4), "sip:") || same_word(given.substr(0, 5), "sips:");
  target_ = (has_scheme ? "" : "sip:") + target_uri;
  su_home_t home[1];
  su_home_init(home);
  const auto clean = [&](bool good) {
    su_home_deinit(home);
    if (!good) end(EndCause::rejected, 400, "not a SIP URI that can be dialled");
    return good;
  };
  if (target_.find_first_of(std::string_view("\r\n<>\" \0", 7)) != std::string::npos) return clean(false);
  const url_t* url = url_make(home, target_.c_str());
  if (!url || (url->url_type != url_sip && url->url_type != url_sips) || !url->url_host || !*url->url_host)
    return clean(false);

  const std::string& listen = context_.config.listen_address;
  if (!is_wildcard(listen)) local_address_ = listen;
  if (local_address_.empty()) local_address_ = route_source(text_of(url->url_host));
  if (local_address_.empty() && nta_agent_contact(context_.agent))
    local_address_ = text_of(nta_agent_contact(context_.agent)->m_url->url_host);
  const bool tcp = url->url_params && url_has_param(url, "transport=tcp");
  const std::string user = escape_user(from_user);
  contact_ = "<sip:" + (user.empty() ? "" : user + "@") + make_contact(tcp);
  const std::string& host =
      context_.config.advertised_address.empty() ? local_address_ : context_.config.advertised_address;
  const std::string from = (display_name.empty() ? "" : quoted(display_name) + " ") +
                           "<sip:" + (user.empty() ? "" : user + "@") + uri_host(host) + ">";
  const std::string to = "<" + plain_uri(*url) + (url->url_port ? std::string(":") + url->url_port : "") + ">";
  leg_ = nta_leg_tcreate(context_.agent, context_.on_request, magic_of<nta_leg_magic_t>(id_),
                         SIPTAG_FROM_STR(from.c_str()), SIPTAG_TO_STR(to.c_str()), TAG_END());
  if (!leg_ || !nta_leg_tag(leg_, nullptr)) return clean(false);
  local_sdp_ = sdp;
  core::log_info("call={} dialling {} as {}", id_, core::printable(target_), core::printable(from));
  return clean(send_dial_invite(SessionTimer::kProposed));
}

bool Call::send_dial_invite(std::chrono::seconds session_interval) {
  const std::string expires = std::to_string(session_interval.count());
  const std::string minimum =
      std::to_string(std::max(session_interval == SessionTimer::kProposed ? SessionTimer::kMinimum : session_interval,
                              SessionTimer::kMinimum)
                         .count());
  invite_out_ = nta_outgoing_tcreate(
      leg_, context_.on_response, magic_of<nta_outgoing_magic_t>(id_), nullptr, SIP_METHOD_INVITE,
      reinterpret_cast<url_string_t const*>(target_.c_str()), SIPTAG_CONTACT_STR(contact_.c_str()),
      SIPTAG_ALLOW_STR(kAllow), SIPTAG_SUPPORTED_STR("timer"), SIPTAG_SESSION_EXPIRES_STR(expires.c_str()),
      SIPTAG_MIN_SE_STR(minimum.c_str()), SIPTAG_USER_AGENT_STR(context_.config.user_agent.c_str()),
      TAG_IF(!local_sdp_.empty(), SIPTAG_CONTENT_TYPE_STR("application/sdp")),
      TAG_IF(!local_sdp_.empty(), SIPTAG_PAYLOAD_STR(local_sdp_.c_str())), TAG_END());
  return invite_out_ != nullptr;
}

void Call::receive_invite_response(const sip_t* sip, int status) {
  if (status < 200) {
    if (state_ != State::calling || status == 100 || !sip) return;
    core::log_info("call={} progress {}", id_, status);
    const auto sdp = sdp_of(*sip);
    context_.outbox.post([id = id_, status, text = sdp ? *sdp : std::string()](SipEvents& events) {
      events.on_progress(id, status, text);
    });
  } else if (status < 300 && sip) {
    receive_dial_success(*sip);
  } else {
    receive_dial_failure(sip, status);
  }
}

void Call::receive_dial_success(const sip_t& sip) {
  if (sip.sip_to->a_tag) nta_leg_rtag(leg_, sip.sip_to->a_tag);
  nta_leg_client_route(leg_, sip.sip_record_route, sip.sip_contact);
  acknowledge(invite_out_);
  if (state_ == State::ended) return send_bye(200, bye_reason_);  // it crossed our CANCEL
  const auto sdp = sdp_of(sip);
  if (!sdp) {
    send_bye(415, sdp.error().message);
    return end(EndCause::rejected, 415, sdp.error().message);
  }
  state_ = State::up;
  remote_sdp_ = *sdp;
  peer_allows_update_ = allows_update(sip);
  timer_.take_response(session_expires_of(sip), core::Clock::now());
  core::log_info("call={} was answered", id_);
  context_.outbox.post([id = id_, text = *sdp](SipEvents& events) { events.on_answered(id, text); });
}

void Call::receive_dial_failure(const sip_t* sip, int status) {
  nta_outgoing_destroy(invite_out_);
  invite_out_ = nullptr;
  if (state_ == State::ended) return;
  if (status == 422 && !retried_422_ && sip && sip_min_se(sip)) {
    retried_422_ = true;
    const auto wanted = std::chrono::seconds(std::min<unsigned long>(sip_min_se(sip)->min_delta, 24 * 3600));
    if (send_dial_invite(std::max(wanted, SessionTimer::kProposed))) return;
  }
  const bool local = !sip || nta_sip_is_internal(sip);
  EndCause cause = EndCause::rejected;
  if (status == 487) cause = EndCause::cancelled;
  if (status == 408 && local) cause = EndCause::timeout;
  if (status >= 500 && local) cause = EndCause::transport;
  end(cause, status, sip && sip->sip_status ? text_of(sip->sip_status->st_phrase) : standard_phrase(status));
}

}  // namespace partyline::sip
