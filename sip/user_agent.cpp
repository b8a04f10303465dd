#include "sip/user_agent.hpp"

#include <atomic>
#include <utility>

#include "sip/endpoint.hpp"
#include "sip/outbox.hpp"
#include "sip/sofia_log.hpp"
#include "sip/sofia_thread.hpp"

namespace partyline::sip {

struct UserAgent::Impl {
  Impl(UserAgentConfig the_config, boost::asio::any_io_executor executor, SipEvents& events)
      : config(std::move(the_config)), outbox(std::make_shared<Outbox>(std::move(executor), events)) {}

  /// Runs `command` on the call, on the SIP thread.
  void command(CallId call, std::function<void(Call&)> action) {
    thread.post([this, call, action = std::move(action)] { endpoint->with_call(call, action); });
  }

  const UserAgentConfig config;
  std::shared_ptr<Outbox> outbox;
  std::atomic<uint16_t> port{0};
  std::unique_ptr<Endpoint> endpoint;  // lives and dies on the thread
  SofiaThread thread;
};

UserAgent::UserAgent(UserAgentConfig config, boost::asio::any_io_executor executor, SipEvents& events)
    : impl_(std::make_shared<Impl>(std::move(config), std::move(executor), events)) {}

UserAgent::~UserAgent() {
  impl_->thread.post([impl = impl_.get()] {
    impl->endpoint->shut_down(core::Clock::now() + std::chrono::milliseconds(1900), [impl] { impl->thread.leave(); });
  });
  impl_->thread.join();
  impl_->outbox->close();
}

core::Result<> UserAgent::start() {
  redirect_sofia_log();
  Impl* const impl = impl_.get();
  return impl->thread.start(
      [impl](su_root_t* root) -> core::Result<> {
        impl->endpoint = std::make_unique<Endpoint>(impl->config, *impl->outbox);
        const auto port = impl->endpoint->open(root);
        if (!port) return port.error();
        impl->port = *port;
        core::log_info("SIP listens on {} port {} (UDP and TCP)", impl->config.listen_address, *port);
        return {};
      },
      [impl] { impl->endpoint.reset(); });
}

uint16_t UserAgent::port() const {
  return impl_->port;
}

bool UserAgent::listening() const {
  return impl_->thread.accepting();
}

void UserAgent::set_availability(Availability availability) {
  impl_->thread.post([impl = impl_.get(), availability = std::move(availability)]() mutable {
    impl->endpoint->set_availability(std::move(availability));
  });
}

void UserAgent::ring(CallId call) {
  impl_->command(call, [](Call& c) { c.ring(); });
}

void UserAgent::answer(CallId call, std::string sdp) {
  impl_->command(call, [sdp = std::move(sdp)](Call& c) { c.answer(sdp); });
}

void UserAgent::reject(CallId call, Rejection rejection) {
  impl_->command(call, [rejection = std::move(rejection)](Call& c) { c.reject(rejection); });
}

void UserAgent::answer_offer(CallId call, std::string sdp) {
  impl_->command(call, [sdp = std::move(sdp)](Call& c) { c.answer_offer(sdp); });
}

void UserAgent::refuse_offer(CallId call, Rejection rejection) {
  impl_->command(call, [rejection = std::move(rejection)](Call& c) { c.refuse_offer(rejection); });
}

void UserAgent::hang_up(CallId call, std::string reason) {
  impl_->command(call, [reason = std::move(reason)](Call& c) { c.hang_up(reason); });
}

CallId UserAgent::dial(std::string target_uri, std::string from_user, std::string display_name, std::string sdp) {
  const CallId call = next_call_id();
  const bool posted = impl_->thread.post(
      [impl = impl_.get(), call, target = std::move(target_uri), user = std::move(from_user),
       name = std::move(display_name), sdp = std::move(sdp)] { impl->endpoint->dial(call, target, user, name, sdp); });
  if (!posted)
    impl_->outbox->post(
        [call](SipEvents& events) { events.on_ended(call, EndCause::transport, 503, "SIP is not running"); });
  return call;
}

void UserAgent::send_info_keyframe_request(CallId call) {
  impl_->command(call, [](Call& c) { c.send_info_keyframe_request(); });
}

}  // namespace partyline::sip
