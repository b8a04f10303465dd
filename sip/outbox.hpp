// Outbox: carries events from the SIP thread to the application's executor, and nothing any more once it is closed.
//
// Thread: post() from the SIP thread, close() from the owner's. A handler in progress is waited for by close(), unless
// it is the handler itself that closes.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "sip/user_agent.hpp"

namespace partyline::sip {

class Outbox : public std::enable_shared_from_this<Outbox> {
 public:
  Outbox(boost::asio::any_io_executor executor, SipEvents& events) : executor_(std::move(executor)), events_(&events) {}

  void post(std::function<void(SipEvents&)> event) {
    boost::asio::post(executor_, [self = shared_from_this(), event = std::move(event)] {
      const std::lock_guard lock(self->mutex_);
      if (self->events_) event(*self->events_);
    });
  }

  void close() {
    const std::lock_guard lock(mutex_);
    events_ = nullptr;
  }

 private:
  boost::asio::any_io_executor executor_;
  std::recursive_mutex mutex_;  // held while a handler runs
  SipEvents* events_;
};

}  // namespace partyline::sip
