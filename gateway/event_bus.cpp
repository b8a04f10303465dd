#include "gateway/event_bus.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/serialize.hpp>

namespace partyline::gateway {

std::string timestamp_before(std::chrono::nanoseconds ago) {
  const auto now = std::chrono::system_clock::now() - ago;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)), ms);
}

boost::asio::awaitable<std::optional<EventBus::Event>> EventBus::Listener::next(std::chrono::seconds patience) {
  if (waiting_.empty()) {
    wake_.expires_after(patience);
    boost::system::error_code ignored;  // cancelled: there is something to read
    co_await wake_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
  }
  if (waiting_.empty()) co_return std::nullopt;
  Event event = std::move(waiting_.front());
  waiting_.pop_front();
  if (lost_ > 0) {
    event.data.insert(1, fmt::format("\"lost_before\":{},", std::exchange(lost_, 0)));
  }
  co_return event;
}

void EventBus::publish(std::string_view type, boost::json::object data) {
  std::erase_if(listeners_, [](const auto& listener) { return listener.expired(); });
  if (listeners_.empty()) return;
  data["type"] = type;
  data["time"] = timestamp_before({});
  const Event event{++last_id_, std::string(type), boost::json::serialize(data)};
  for (const auto& weak : listeners_) {
    const auto listener = weak.lock();
    if (!listener) continue;
    if (listener->waiting_.size() >= kMostWaiting) {
      listener->waiting_.pop_front();
      ++listener->lost_;
    }
    listener->waiting_.push_back(event);
    listener->wake_.cancel();
  }
}

std::shared_ptr<EventBus::Listener> EventBus::listen() {
  auto listener = std::make_shared<Listener>(executor_);
  listeners_.push_back(listener);
  return listener;
}

bool EventBus::has_room() const {
  return static_cast<size_t>(std::count_if(listeners_.begin(), listeners_.end(),
                                           [](const auto& listener) { return !listener.expired(); })) < kMostListeners;
}

void EventBus::close() {
  closed_ = true;
  for (const auto& weak : listeners_)
    if (const auto listener = weak.lock()) listener->wake_.cancel();
}

}  // namespace partyline::gateway
