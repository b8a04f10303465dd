// What happens, for those who listen: server-sent events of the API. Slow listeners lose the oldest events and are told
// so. Thread: network.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace partyline::gateway {

class EventBus {
 public:
  struct Event {
    uint64_t id = 0;
    std::string type;  ///< "leg.joined", "output.state", …
    std::string data;  ///< JSON on one line
  };

  /// One listener. Wakes when there is something to read.
  class Listener {
   public:
    explicit Listener(boost::asio::any_io_executor executor) : wake_(std::move(executor)) {}
    /// The next event, or nothing after `patience` (time for a heartbeat).
    boost::asio::awaitable<std::optional<Event>> next(std::chrono::seconds patience);

   private:
    friend class EventBus;
    std::deque<Event> waiting_;
    uint64_t lost_ = 0;
    boost::asio::steady_timer wake_;
  };

  explicit EventBus(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}
  /// `data` gains "type" and "time" (RFC 3339, UTC).
  void publish(std::string_view type, boost::json::object data);
  /// Gone when the handle is dropped.
  std::shared_ptr<Listener> listen();
  /// False when as many listeners as allowed are there already.
  bool has_room() const;
  /// Wakes all listeners for good: the process ends.
  void close();
  bool closed() const { return closed_; }

 private:
  static constexpr size_t kMostWaiting = 256;  // events a listener
  static constexpr size_t kMostListeners = 100;
  boost::asio::any_io_executor executor_;
  std::vector<std::weak_ptr<Listener>> listeners_;
  uint64_t last_id_ = 0;
  bool closed_ = false;
};

/// So long ago, as RFC 3339 in UTC with milliseconds.
std::string timestamp_before(std::chrono::nanoseconds ago);

}  // namespace partyline::gateway
