#include "core/log.hpp"
#include "sip/call.hpp"
#include "sip/header_text.hpp"
#include "sip/info_body.hpp"

namespace partyline::sip {
namespace {

const char* cause_word(EndCause cause) {
  switch (cause) {
    case EndCause::local_bye:
      return "by us";
    case EndCause::remote_bye:
      return "by the phone";
    case EndCause::cancelled:
      return "cancelled";
    case EndCause::rejected:
      return "rejected";
    case EndCause::transport:
      return "transport failed";
    case EndCause::timeout:
      return "timed out";
  }
  return "?";
}

}  // namespace

void Call::end(EndCause cause, int status, const std::string& reason) {
  if (state_ == State::ended) return;
  state_ = State::ended;
  --context_.active_calls;
  if (offer_in_) {  // nobody will answer it any more
    send_reply(offer_in_, make_reply(487));
    nta_incoming_destroy(std::exchange(offer_in_, nullptr));
  }
  core::log_info("call={} ended: {}, {} {}", id_, cause_word(cause), status, core::printable(reason));
  context_.outbox.post(
      [id = id_, cause, status, reason](SipEvents& events) { events.on_ended(id, cause, status, reason); });
}

bool Call::finished() const {
  if (state_ != State::ended) return false;
  return !bye_out_ && !bye_after_ack_ && !(cancel_out_ && invite_out_);
}

void Call::send_bye(int cause, const std::string& reason) {
  if (bye_out_ || !leg_) return;
  bye_after_ack_ = false;
  const std::string header = reason_header(cause, reason);
  bye_out_ = nta_outgoing_tcreate(leg_, context_.on_response, magic_of<nta_outgoing_magic_t>(id_), nullptr,
                                  SIP_METHOD_BYE, nullptr, SIPTAG_REASON_STR(header.c_str()),
                                  SIPTAG_USER_AGENT_STR(context_.config.user_agent.c_str()), TAG_END());
  if (!bye_out_) core::log_warn("call={} BYE could not be sent", id_);
}

void Call::hang_up(const std::string& reason) {
  bye_reason_ = reason;
  switch (state_) {
    case State::received: {
      Reply reply = make_rejection({.status = 480, .phrase = {}, .warning = reason});
      send_reply(invite_in_, reply);
      return end(EndCause::local_bye, 480, reason);
    }
    case State::calling: {
      const std::string header = reason_header(487, reason);
      cancel_out_ = nta_outgoing_tcancel(invite_out_, context_.on_response, magic_of<nta_outgoing_magic_t>(id_),
                                         SIPTAG_REASON_STR(header.c_str()), TAG_END());
      cancel_deadline_ = core::Clock::now() + 64 * context_.config.t1 + std::chrono::seconds(2);
      return end(EndCause::cancelled, 487, reason);
    }
    case State::answered:
      bye_after_ack_ = true;  // RFC 3261 §15: no BYE from the called side before the ACK
      return end(EndCause::local_bye, 200, reason);
    case State::up:
      send_bye(200, reason);
      return end(EndCause::local_bye, 200, reason);
    case State::ended:
      return;
  }
}

void Call::send_info_keyframe_request() {
  if (state_ != State::up || info_out_) return;
  info_out_ = nta_outgoing_tcreate(leg_, context_.on_response, magic_of<nta_outgoing_magic_t>(id_), nullptr,
                                   SIP_METHOD_INFO, nullptr, SIPTAG_CONTENT_TYPE_STR("application/media_control+xml"),
                                   SIPTAG_PAYLOAD_STR(kPictureFastUpdate), TAG_END());
}

int Call::receive_request(nta_incoming_t* request, const sip_t& sip) {
  switch (sip.sip_request->rq_method) {
    case sip_method_ack:  // one that matches no transaction any more
      nta_incoming_destroy(request);
      return 0;
    case sip_method_bye:
      return receive_bye(request, sip);
    case sip_method_invite:
      return receive_offer(request, sip, true);
    case sip_method_update:
      return receive_offer(request, sip, false);
    case sip_method_info:
      return receive_info(request, sip);
    case sip_method_options:
      send_reply(request, make_reply(state_ == State::ended ? 481 : 200));
      break;
    default: {
      Reply reply = make_reply(sip.sip_request->rq_method == sip_method_unknown ? 501 : 405);
      core::log_info("call={} {} refused with {}", id_, core::printable(text_of(sip.sip_request->rq_method_name)),
                     reply.status);
      send_reply(request, reply);
    }
  }
  nta_incoming_destroy(request);
  return 0;
}

int Call::receive_bye(nta_incoming_t* request, const sip_t& sip) {
  Reply reply = make_reply(200);
  reply.contact.clear();  // RFC 3261 table 2: none in responses to BYE
  send_reply(request, reply);
  nta_incoming_destroy(request);
  bye_after_ack_ = false;
  if (state_ == State::received) send_reply(invite_in_, make_reply(487));  // RFC 3261 §15.1.2
  end(EndCause::remote_bye, 200, reason_of(sip));
  return 0;
}

int Call::receive_info(nta_incoming_t* request, const sip_t& sip) {
  Reply reply = make_reply(200);
  reply.contact.clear();
  if (state_ == State::ended) {
    reply.status = 481;
  } else {
    const InfoRequest wish = parse_info(content_type_of(sip), body_of(sip));
    if (const auto* digit = std::get_if<InfoDigit>(&wish)) {
      core::log_info("call={} INFO digit {}", id_, digit->digit);
      context_.outbox.post([id = id_, c = digit->digit](SipEvents& events) { events.on_info_digit(id, c); });
    } else if (std::holds_alternative<InfoKeyframeRequest>(wish)) {
      core::log_debug("call={} INFO asks for a key frame", id_);
      context_.outbox.post([id = id_](SipEvents& events) { events.on_info_keyframe_request(id); });
    } else if (std::holds_alternative<InfoBad>(wish)) {
      reply.status = 400;
      reply.warning = warning_header(local_address_, "the INFO body is not readable");
    } else if (std::holds_alternative<InfoUnknown>(wish)) {
      reply.status = 415;
      reply.accept = kInfoAccept;
    }
  }
  send_reply(request, reply);
  nta_incoming_destroy(request);
  return 0;
}

void Call::receive_ack_or_cancel(nta_incoming_t* request, const sip_t* sip) {
  if (!sip) return ack_timed_out(request);
  if (sip->sip_request->rq_method == sip_method_ack) return receive_ack(request, *sip);
  if (sip->sip_request->rq_method != sip_method_cancel) return;
  if (request == invite_in_ && state_ == State::received) {
    send_reply(request, make_reply(487));
    const std::string reason = reason_of(*sip);
    end(EndCause::cancelled, 487, reason.empty() ? "the caller hung up before the answer" : reason);
  } else if (request == offer_in_) {
    core::log_info("call={} re-INVITE cancelled", id_);
    send_reply(request, make_reply(487));
    nta_incoming_destroy(std::exchange(offer_in_, nullptr));
  }
}

void Call::receive_ack(nta_incoming_t* request, const sip_t& sip) {
  const bool first = request == invite_in_;
  if (!first && request != reinvite_in_) return;
  nta_incoming_destroy(request);  // Sofia keeps it as long as retransmissions may come
  (first ? invite_in_ : reinvite_in_) = nullptr;
  if (bye_after_ack_) return send_bye(200, bye_reason_);
  if (state_ == State::ended) return;  // the ACK of a refusal
  const auto sdp = sdp_of(sip);
  std::string answer;
  if (ack_brings_answer_) {
    ack_brings_answer_ = false;
    if (!sdp || sdp->empty()) {
      send_bye(488, "no answer to our offer");
      return end(EndCause::rejected, 488, "the ACK brought no answer to our offer");
    }
    remote_sdp_ = answer = *sdp;
  }
  if (first) {
    state_ = State::up;
    core::log_info("call={} established (ACK{})", id_, answer.empty() ? "" : " with their answer");
  }
  if (first || !answer.empty())
    context_.outbox.post([id = id_, answer](SipEvents& events) { events.on_established(id, answer); });
}

void Call::ack_timed_out(nta_incoming_t* request) {
  if (request != invite_in_ && request != reinvite_in_) return;
  (request == invite_in_ ? invite_in_ : reinvite_in_) = nullptr;
  nta_incoming_destroy(request);
  if (bye_after_ack_) return send_bye(408, bye_reason_);
  if (state_ == State::ended) return;
  send_bye(408, "ACK did not come");
  end(EndCause::timeout, 408, "ACK did not come");
}

void Call::receive_response(nta_outgoing_t* request, const sip_t* sip) {
  const int status = sip && sip->sip_status ? sip->sip_status->st_status : nta_outgoing_status(request);
  if (request == invite_out_) return receive_invite_response(sip, status);
  if (status < 200) return;
  if (request == refresh_out_) return receive_refresh_response(sip, status);
  for (nta_outgoing_t** mine : {&bye_out_, &cancel_out_, &info_out_}) {
    if (request != *mine) continue;
    nta_outgoing_destroy(request);
    *mine = nullptr;
    // Nothing but the end is left when the peer has lost the dialog (RFC 3261 §12.2.1.2).
    if (mine == &info_out_ && state_ == State::up && (status == 481 || (status == 408 && sip == nullptr)))
      end(EndCause::timeout, status, "the phone does not know the call any more");
    return;
  }
}

void Call::tick(core::TimePoint now) {
  if (state_ == State::answered && now >= ack_deadline_) {
    // Sofia says nothing when the 200 itself could not be delivered (the phone's TCP connection is gone).
    send_bye(408, "ACK did not come");
    return end(EndCause::transport, 408, "the answer never reached the phone");
  }
  if (state_ == State::ended && cancel_out_ && invite_out_ && now >= cancel_deadline_) {
    nta_outgoing_destroy(invite_out_);  // RFC 3261 §9.1: no final response is coming
    invite_out_ = nullptr;
  }
  if (bye_after_ack_ && now >= ack_deadline_) bye_after_ack_ = false;
  if (state_ != State::up) return;
  switch (timer_.tick(now)) {
    case SessionTimer::Due::nothing:
      break;
    case SessionTimer::Due::refresh:
      send_refresh();
      break;
    case SessionTimer::Due::expired:
      send_bye(408, "session timer expired");
      end(EndCause::timeout, 408, "no session refresh came");
      break;
  }
}

}  // namespace partyline::sip
