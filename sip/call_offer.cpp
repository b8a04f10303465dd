// The offer/answer book inside a dialog: re-INVITE, UPDATE, session refreshes, glare (RFC 3261 §14, 3311, 4028).
#include "core/log.hpp"
#include "sip/call.hpp"
#include "sip/header_text.hpp"

namespace partyline::sip {

int Call::receive_offer(nta_incoming_t* request, const sip_t& sip, bool invite) {
  const char* const method = invite ? "re-INVITE" : "UPDATE";
  const auto answer_with = [&](int status, const std::string& why) {
    core::log_info("call={} {} refused with {}: {}", id_, method, status, why);
    Reply reply = make_reply(status);
    if (status != 481) reply.warning = warning_header(local_address_, why);
    if (status == 500) reply.retry_after_seconds = 1;
    if (status == 415) reply.accept = "application/sdp";
    if (status == 422) reply.min_se = std::to_string(SessionTimer::kMinimum.count());
    send_reply(request, reply);
    nta_incoming_destroy(request);
    return 0;
  };
  if (state_ == State::ended) return answer_with(481, "the call is over");
  const auto sdp = sdp_of(sip);
  if (!sdp) return answer_with(415, sdp.error().message);
  const auto expires = session_expires_of(sip);
  if (expires && expires->interval < SessionTimer::kMinimum) return answer_with(422, "the interval is too small");
  const bool offers = invite || !sdp->empty();
  if (offers) {
    if (offer_in_ || state_ == State::received) return answer_with(500, "an earlier offer is not answered yet");
    if (invite && (invite_in_ || reinvite_in_)) return answer_with(500, "the last INVITE has no ACK yet");
    // Glare: an offer of ours is on its way.
    if ((refresh_out_ && refresh_is_invite_) || ack_brings_answer_ || state_ == State::calling)
      return answer_with(491, "an offer of ours is not answered yet");
  }
  nta_leg_server_route(leg_, nullptr, sip.sip_contact);
  peer_allows_update_ = peer_allows_update_ || allows_update(sip);
  if (state_ == State::up || expires) timer_.answer_request(expires, supports_timer(sip), core::Clock::now());

  if (!offers || (!sdp->empty() && *sdp == remote_sdp_ && !local_sdp_.empty())) {
    core::log_debug("call={} session refreshed by {}", id_, method);
    accept_offer(request, invite, sdp->empty() ? std::string() : local_sdp_, true);
    return 0;
  }
  core::log_info("call={} {} {}", id_, method, sdp->empty() ? "asks for our offer" : "brings a new offer");
  offer_in_ = request;
  offer_is_invite_ = invite;
  offered_sdp_ = *sdp;
  if (invite) {
    nta_incoming_bind(request, context_.on_ack_or_cancel, magic_of<nta_incoming_magic_t>(id_));
    send_reply(request, make_reply(100));
  }
  context_.outbox.post([id = id_, text = *sdp](SipEvents& events) { events.on_offer(id, text); });
  return 0;
}

void Call::accept_offer(nta_incoming_t* request, bool invite, const std::string& sdp, bool sdp_is_answer) {
  Reply reply = make_reply(200);
  reply.sdp = sdp;
  reply.session_expires = timer_.response_header();
  reply.require_timer = timer_.requires_timer();
  if (invite) {
    nta_incoming_bind(request, context_.on_ack_or_cancel, magic_of<nta_incoming_magic_t>(id_));
    reinvite_in_ = request;
    ack_brings_answer_ = !sdp_is_answer;
  }
  if (!send_reply(request, reply)) core::log_warn("call={} the 200 to an offer could not be sent", id_);
  if (!invite) nta_incoming_destroy(request);
}

void Call::answer_offer(const std::string& sdp) {
  if (!offer_in_ || state_ == State::ended) return;
  if (sdp.empty()) return refuse_offer({.status = 500, .phrase = {}, .warning = "no media description"});
  nta_incoming_t* const request = std::exchange(offer_in_, nullptr);
  const bool answers = !offered_sdp_.empty();
  if (answers) remote_sdp_ = offered_sdp_;
  local_sdp_ = sdp;
  core::log_info("call={} offer answered (200)", id_);
  accept_offer(request, offer_is_invite_, sdp, answers);
}

void Call::refuse_offer(const Rejection& rejection) {
  if (!offer_in_) return;
  nta_incoming_t* const request = std::exchange(offer_in_, nullptr);
  const Reply reply = make_rejection(rejection);
  core::log_info("call={} offer refused with {}; the call goes on as it was", id_, reply.status);
  send_reply(request, reply);
  nta_incoming_destroy(request);
}

void Call::acknowledge(nta_outgoing_t* invite) {
  const std::string cseq = std::to_string(nta_outgoing_cseq(invite)) + " ACK";
  if (ack_out_) nta_outgoing_destroy(ack_out_);
  ack_out_ =
      nta_outgoing_tcreate(leg_, nullptr, nullptr, nullptr, SIP_METHOD_ACK, nullptr, SIPTAG_CSEQ_STR(cseq.c_str()),
                           NTATAG_ACK_BRANCH(nta_outgoing_branch(invite)), TAG_END());
  if (!ack_out_) core::log_warn("call={} ACK could not be sent", id_);
}

void Call::send_refresh() {
  if (refresh_out_ || offer_in_ || reinvite_in_) return timer_.refresh_failed(core::Clock::now());
  refresh_is_invite_ = !peer_allows_update_;
  const std::string expires = timer_.request_header();
  core::log_debug("call={} refreshing the session by {}", id_, refresh_is_invite_ ? "re-INVITE" : "UPDATE");
  const bool with_sdp = refresh_is_invite_ && !local_sdp_.empty();
  refresh_out_ = nta_outgoing_tcreate(
      leg_, context_.on_response, magic_of<nta_outgoing_magic_t>(id_), nullptr,
      refresh_is_invite_ ? sip_method_invite : sip_method_update, refresh_is_invite_ ? "INVITE" : "UPDATE", nullptr,
      SIPTAG_CONTACT_STR(contact_.c_str()), SIPTAG_ALLOW_STR(kAllow), SIPTAG_SUPPORTED_STR("timer"),
      SIPTAG_SESSION_EXPIRES_STR(expires.c_str()), TAG_IF(with_sdp, SIPTAG_CONTENT_TYPE_STR("application/sdp")),
      TAG_IF(with_sdp, SIPTAG_PAYLOAD_STR(local_sdp_.c_str())), TAG_END());
  if (!refresh_out_) timer_.refresh_failed(core::Clock::now());
}

void Call::receive_refresh_response(const sip_t* sip, int status) {
  if (status < 300 && sip && refresh_is_invite_) acknowledge(refresh_out_);
  nta_outgoing_destroy(std::exchange(refresh_out_, nullptr));
  if (state_ != State::up) return;
  if (status < 300 && sip) return timer_.take_response(session_expires_of(*sip), core::Clock::now());
  core::log_info("call={} session refresh failed with {}", id_, status);
  if (status == 481 || status == 408) {
    send_bye(status, "session refresh failed");
    return end(EndCause::timeout, status, "the phone does not answer session refreshes");
  }
  timer_.refresh_failed(core::Clock::now());  // 491, 500 …: again until the session expires
}

}  // namespace partyline::sip
