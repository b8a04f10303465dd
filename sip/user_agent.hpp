// The SIP user agent: Sofia-SIP on one thread behind one class. Commands go in as posted closures, events come out as
// plain structs on the executor given at construction. No SDP is judged here (NUTAG_MEDIA_ENABLE(0)): bodies pass as
// text.
//
// Thread: every method from any thread; SipEvents on the executor.
// Events still on their way when the destructor returns are not delivered any more.
// Answers by itself: 100 to INVITE, 405/501 to unknown methods, 481 outside dialogs (RFC 3261).
// Deliberately not here: digest authentication and registration.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/result.hpp"

namespace partyline::sip {

using CallId = uint64_t;  ///< ours; never reused in a process

struct UserAgentConfig {
  std::string listen_address = "0.0.0.0";
  uint16_t port = 5060;            ///< UDP and TCP; 0: any free
  std::string advertised_address;  ///< for Contact; empty: the address the peer reached us at
  std::string user_agent = "Partyline";
  size_t max_calls = 2000;  ///< beyond: 503 with Retry-After
  /// Requests outside of calls (INVITE, OPTIONS, REGISTER …) that one source address may send a second, with bursts of
  /// twice that; beyond: 503 with Retry-After. 0: unlimited (a trunk brings all its calls from one address).
  unsigned requests_per_second_per_source = 0;
  std::vector<std::string> trusted_sources;  ///< addresses for which limits of one source do not hold
  /// TCP connections, of one source and all together; beyond, and after so long without a byte, they are ended.
  size_t tcp_connections = 4000, tcp_connections_per_source = 500;
  std::chrono::milliseconds tcp_silence{10'000};
  /// RFC 3261 T1, the base of all SIP timers (an ACK is waited for 64 times as long). Shorter ones are for tests.
  std::chrono::milliseconds t1{500};
};

struct IncomingCall {
  CallId call = 0;
  std::string room;          ///< user part of the Request-URI, decoded
  std::string from_uri;      ///< "sip:alice@host"
  std::string display_name;  ///< From's, else its user part
  std::string user_agent;
  std::string remote_address;  ///< numeric, of the top Via's received address
  std::string local_address;   ///< numeric address of ours that the peer reached
  std::string sdp;             ///< empty: delayed offer; our answer() then carries an offer and the ACK the answer
};

struct Rejection {
  int status = 486;
  std::string phrase;   ///< reason phrase, empty: the standard one
  std::string warning;  ///< text of a Warning: 399 header, empty: none
  int retry_after_seconds = 0;
};

enum class EndCause { local_bye, remote_bye, cancelled, rejected, transport, timeout };

class SipEvents {
 public:
  virtual ~SipEvents() = default;
  virtual void on_incoming_call(const IncomingCall& call) = 0;
  /// The ACK came. `sdp`: the answer to our offer in a delayed-offer call, else empty. Said again, with the answer,
  /// when a re-INVITE without SDP was answered with our offer.
  virtual void on_established(CallId call, const std::string& sdp) = 0;
  /// A re-INVITE or UPDATE with an offer, or (sdp empty) a re-INVITE that asks for ours; answer with answer_offer() or
  /// refuse_offer(). Mere session refreshes (same SDP as before, or UPDATE without SDP) are answered without a word.
  virtual void on_offer(CallId call, const std::string& sdp) = 0;
  /// Outgoing calls: progress (180, 183 with SDP …) and the 2xx (which is acknowledged at once).
  virtual void on_progress(CallId call, int status, const std::string& sdp) = 0;
  virtual void on_answered(CallId call, const std::string& sdp) = 0;
  /// The call is over, for whatever cause; said exactly once for each call that was announced or dialled.
  virtual void on_ended(CallId call, EndCause cause, int status, const std::string& reason) = 0;
  /// SIP INFO: application/dtmf-relay, application/dtmf (one digit) and picture_fast_update (RFC 5168).
  virtual void on_info_digit(CallId call, char digit) = 0;
  virtual void on_info_keyframe_request(CallId call) = 0;
};

/// What OPTIONS answers with.
struct Availability {
  bool accepting = true;  ///< false: 503 (draining)
  std::string sdp;        ///< capabilities, may be empty
};

class UserAgent {
 public:
  UserAgent(UserAgentConfig config, boost::asio::any_io_executor executor, SipEvents& events);
  ~UserAgent();  ///< ends all calls (BYE, CANCEL, 480), waits at most 2 s for it, joins the thread

  core::Result<> start();
  uint16_t port() const;
  /// Its sockets are open and its thread serves them.
  bool listening() const;
  void set_availability(Availability availability);

  void ring(CallId call);                     ///< 180
  void answer(CallId call, std::string sdp);  ///< 200 with answer (or offer, when theirs is delayed)
  void reject(CallId call, Rejection rejection);
  void answer_offer(CallId call, std::string sdp);      ///< 200 to a re-INVITE or UPDATE
  void refuse_offer(CallId call, Rejection rejection);  ///< 488; the call goes on as it was
  void hang_up(CallId call, std::string reason);  ///< BYE with Reason, CANCEL, or 480, whatever the state asks for
  /// Dials out; progress and result come as events with the returned id. `from_user` names the room.
  CallId dial(std::string target_uri, std::string from_user, std::string display_name, std::string sdp);
  void send_info_keyframe_request(CallId call);  ///< RFC 5168, for phones without RTCP feedback

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace partyline::sip
