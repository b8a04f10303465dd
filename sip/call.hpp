// Call: one dialog with one phone, from INVITE to the last transaction. Keeps the offer/answer book (RFC 3264 says who
// may offer when) and the session timer; never reads SDP.
//
//   incoming:  received ──answer──▶ answered ──ACK──▶ up ──BYE──▶ ended        outgoing:  calling ──2xx──▶ up
//                 └─reject, CANCEL─▶ ended   └─no ACK─▶ BYE, ended                          └─CANCEL, ≥300─▶ ended
//
// `ended` is said to the application once; the object lives on until its last transaction is through (finished()).
// Thread: SIP thread only. Deliberately not done: forking (the first 2xx wins, Sofia ends the others), PRACK as caller.
#pragma once

#include <memory>
#include <string>

#include "core/time.hpp"
#include "sip/outbox.hpp"
#include "sip/reply.hpp"
#include "sip/session_timer.hpp"
#include "sip/sofia.hpp"
#include "sip/user_agent.hpp"

namespace partyline::sip {

/// What a call borrows from its endpoint.
struct CallContext {
  nta_agent_t* agent = nullptr;
  const UserAgentConfig& config;
  Outbox& outbox;
  size_t& active_calls;  ///< calls that have not ended
  uint16_t port = 0;
  // Sofia's C call-backs; they find the call by the id in the magic.
  nta_request_f* on_request = nullptr;
  nta_ack_cancel_f* on_ack_or_cancel = nullptr;
  nta_response_f* on_response = nullptr;
  nta_prack_f* on_prack = nullptr;
};

class Call {
 public:
  Call(CallContext& context, CallId id);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // call_start.cpp: how calls begin
  /// False when the request was refused (and answered).
  bool receive_invite(nta_incoming_t* request, const sip_t& sip);
  bool dial(const std::string& target_uri, const std::string& from_user, const std::string& display_name,
            const std::string& sdp);
  void ring();
  void answer(const std::string& sdp);
  void reject(const Rejection& rejection);

  // call_dialog.cpp: what happens inside
  void answer_offer(const std::string& sdp);
  void refuse_offer(const Rejection& rejection);
  void hang_up(const std::string& reason);
  void send_info_keyframe_request();
  /// A request inside the dialog; the return value is Sofia's (a status to send, or 0 when it was answered).
  int receive_request(nta_incoming_t* request, const sip_t& sip);
  void receive_ack_or_cancel(nta_incoming_t* request, const sip_t* sip);
  void receive_response(nta_outgoing_t* request, const sip_t* sip);
  void tick(core::TimePoint now);

  bool ended() const { return state_ == State::ended; }
  bool finished() const;

 private:
  enum class State { received, answered, calling, up, ended };

  bool refuse(nta_incoming_t* request, int status, const std::string& why, const std::string& accept = {});
  Reply make_reply(int status) const;
  Reply make_rejection(const Rejection& rejection) const;
  std::string make_contact(bool tcp) const;
  void end(EndCause cause, int status, const std::string& reason);
  void send_bye(int cause, const std::string& reason);

  int receive_offer(nta_incoming_t* request, const sip_t& sip, bool invite);
  void accept_offer(nta_incoming_t* request, bool invite, const std::string& sdp, bool sdp_is_answer);
  int receive_bye(nta_incoming_t* request, const sip_t& sip);
  int receive_info(nta_incoming_t* request, const sip_t& sip);
  void receive_ack(nta_incoming_t* request, const sip_t& sip);
  void ack_timed_out(nta_incoming_t* request);
  void receive_invite_response(const sip_t* sip, int status);
  void receive_dial_success(const sip_t& sip);
  void receive_dial_failure(const sip_t* sip, int status);
  void receive_refresh_response(const sip_t* sip, int status);
  bool send_dial_invite(std::chrono::seconds session_interval);
  void acknowledge(nta_outgoing_t* invite);
  void send_refresh();

  CallContext& context_;
  const CallId id_;
  State state_ = State::received;
  nta_leg_t* leg_ = nullptr;
  nta_incoming_t* invite_in_ = nullptr;    // first INVITE, until its ACK
  nta_incoming_t* reinvite_in_ = nullptr;  // answered re-INVITE, until its ACK
  nta_incoming_t* offer_in_ = nullptr;     // re-INVITE or UPDATE that waits for answer_offer()
  bool offer_is_invite_ = false;
  nta_outgoing_t* invite_out_ = nullptr;
  nta_outgoing_t* ack_out_ = nullptr;
  nta_outgoing_t* cancel_out_ = nullptr;
  nta_outgoing_t* bye_out_ = nullptr;
  nta_outgoing_t* refresh_out_ = nullptr;
  nta_outgoing_t* info_out_ = nullptr;

  std::string contact_;
  std::string local_address_;
  std::string local_sdp_, remote_sdp_;  // as last agreed
  std::string offered_sdp_;             // theirs, while offer_in_ waits
  bool ack_brings_answer_ = false;      // our last 2xx carried an offer
  bool reliable_ringing_ = false;       // the caller asked for 100rel
  bool peer_allows_update_ = false;
  bool bye_after_ack_ = false;
  bool refresh_is_invite_ = false;
  std::string bye_reason_;
  SessionTimer timer_;
  core::TimePoint cancel_deadline_{};
  core::TimePoint ack_deadline_{};  // a guard for 2xx that could not even be sent
  std::string target_;              // dialled URI
  bool retried_422_ = false;
};

}  // namespace partyline::sip
