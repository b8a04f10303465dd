// Endpoint: the SIP agent with its sockets, the table of calls, and everything that is asked outside of a call.
//
// Thread: SIP thread only. One endpoint a thread: Sofia's call-backs find it through a thread-local pointer and the
// call through its number.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "core/counters.hpp"
#include "core/log.hpp"
#include "sip/call.hpp"
#include "sip/flood_guard.hpp"
#include "sip/outbox.hpp"
#include "sip/sofia.hpp"
#include "sip/tcp_guard.hpp"
#include "sip/user_agent.hpp"

namespace partyline::sip {

class Endpoint {
 public:
  Endpoint(const UserAgentConfig& config, Outbox& outbox);
  ~Endpoint();
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  /// Binds UDP and TCP; returns the port.
  core::Result<uint16_t> open(su_root_t* root);
  void set_availability(Availability availability) { availability_ = std::move(availability); }
  /// Runs `command` on the call, if it is still there.
  void with_call(CallId id, const std::function<void(Call&)>& command);
  void dial(CallId id, const std::string& target_uri, const std::string& from_user, const std::string& display_name,
            const std::string& sdp);
  /// Ends every call; `done` is called once the last transaction is through, or at `deadline`.
  void shut_down(core::TimePoint deadline, std::function<void()> done);

 private:
  static int on_request(nta_leg_magic_t* magic, nta_leg_t* leg, nta_incoming_t* request, const sip_t* sip);
  static int on_ack_or_cancel(nta_incoming_magic_t* magic, nta_incoming_t* request, const sip_t* sip);
  static int on_response(nta_outgoing_magic_t* magic, nta_outgoing_t* request, const sip_t* sip);
  static int on_prack(nta_reliable_magic_t* magic, nta_reliable_t* reliable, nta_incoming_t* prack, const sip_t* sip);
  static void on_timer(su_root_magic_t*, su_timer_t*, su_timer_arg_t*);
  static void on_guard_timer(su_root_magic_t*, su_timer_t*, su_timer_arg_t*);

  core::Result<> bind(su_root_t* root, uint16_t port);
  Call* find(CallId id);
  /// Answers what every request must fulfil; true when it was refused.
  bool refuse_early(nta_incoming_t* request, const sip_t& sip);
  /// Refuses sources that ask too often; true when it did.
  bool refuse_flood(nta_incoming_t* request, const sip_t& sip);
  int receive_outside(nta_incoming_t* request, const sip_t& sip);
  void receive_invite(nta_incoming_t* request, const sip_t& sip);
  void receive_options(nta_incoming_t* request, const sip_t& sip);
  bool full() const { return active_calls_ >= config_.max_calls; }
  Reply make_reply(int status) const;
  void tick(core::TimePoint now);
  void tick_later();

  const UserAgentConfig& config_;
  Outbox& outbox_;
  Availability availability_;
  size_t active_calls_ = 0;
  nta_agent_t* agent_ = nullptr;
  nta_leg_t* default_leg_ = nullptr;
  su_timer_t* timer_ = nullptr;
  su_timer_t* guard_timer_ = nullptr;
  bool timer_runs_ = false;  // while there is a call
  std::unique_ptr<CallContext> context_;
  std::map<CallId, std::unique_ptr<Call>> calls_;
  std::function<void()> shutdown_done_;
  core::TimePoint shutdown_deadline_{};
  core::LogLimit refusal_log_;
  core::Counter& refused_full_;
  core::Counter& refused_draining_;
  core::Counter& refused_flood_;
  FloodGuard flood_guard_;
  std::optional<TcpGuard> tcp_guard_;  ///< once the port is known
};

/// A number for a new call, never reused in this process. Any thread.
CallId next_call_id();

}  // namespace partyline::sip
