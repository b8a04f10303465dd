// All rooms, and who enters which: SIP calls by the dialled name, WebRTC streams by the SFU's hooks, live outputs by
// configuration or API. Signalling only. Thread: network.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/json/array.hpp>
#include <map>
#include <memory>
#include <string>

#include "gateway/room.hpp"
#include "gateway/services.hpp"
#include "gateway/srs_hook.hpp"
#include "sip/user_agent.hpp"

namespace partyline::gateway {

class RoomManager final : public sip::SipEvents {
 public:
  explicit RoomManager(const Services& services);
  ~RoomManager() override;
  /// Opens the configured rooms and their outputs, starts the once-a-second check.
  void start();
  /// Ends all legs and rooms. Idempotent.
  void stop();
  bool stopped() const { return stopped_; }

  Room* find(const std::string& name);
  const std::map<std::string, std::unique_ptr<Room>>& rooms() const { return rooms_; }
  /// The room, made if that is allowed: not_found, forbidden, invalid or limit otherwise.
  core::Result<Room*> enter(const std::string& name);

  /// The verdict on a hook, at once: false refuses. What follows from it is done later by apply_hook(), when the SFU
  /// has our answer (a stream that is pulled while its hook is still open stays silent for good at SRS).
  core::Result<> judge_hook(const SrsHook& hook);
  void apply_hook(const SrsHook& hook);

  /// Calls out; the room is created if need be. The leg's id.
  core::Result<std::string> dial(const std::string& room, const std::string& uri);
  /// Forgets the room if nothing holds it any more.
  void tidy(const std::string& name);

 private:
  struct Call {
    std::string room, leg;
  };

  void on_incoming_call(const sip::IncomingCall& call) override;
  void on_established(sip::CallId call, const std::string& sdp) override;
  void on_offer(sip::CallId call, const std::string& sdp) override;
  void on_progress(sip::CallId call, int status, const std::string& sdp) override;
  void on_answered(sip::CallId call, const std::string& sdp) override;
  void on_ended(sip::CallId call, sip::EndCause cause, int status, const std::string& reason) override;
  void on_info_digit(sip::CallId call, char digit) override;
  void on_info_keyframe_request(sip::CallId call) override;

  std::shared_ptr<SipLeg> leg_of(sip::CallId call);
  void settle(sip::CallId call, const std::string& sdp);
  void digit(const std::string& room, const std::string& leg, char digit);
  void check_later();
  void tell_load();
  void notice_restart(const SrsHook& hook);

  const Services& services_;
  const std::string publish_mark_;
  std::map<std::string, std::unique_ptr<Room>> rooms_;
  std::map<sip::CallId, Call> calls_;
  std::map<std::string, std::string> services_seen_;  ///< SFU's server_id → service_id
  boost::asio::steady_timer timer_;
  int mixer_step_ = 0;  ///< of the overload governor, as told last
  bool stopped_ = false;
};

/// What a refused caller is told: status and a Warning text, from the error's code.
sip::Rejection rejection_for(const core::Error& error);

}  // namespace partyline::gateway
