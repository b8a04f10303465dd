// Session timers (RFC 4028): who refreshes a call, when, and when it is dead. Pure: `now` is a parameter.
//
//   |---- refresh due (interval/2) ----|---- expired (interval - min(32 s, interval/3)) ----| interval
//
// As the called side we take what the caller proposes; as the caller we propose kProposed. Without a word from the
// other side there is no timer. Deliberately not done: Min-SE memory across calls.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "core/time.hpp"

namespace partyline::sip {

/// The peer's Session-Expires, as read from a request or response.
struct SessionExpires {
  std::chrono::seconds interval{0};
  std::string refresher;  ///< "uac", "uas" or empty
};

class SessionTimer {
 public:
  static constexpr std::chrono::seconds kMinimum{90};
  static constexpr std::chrono::seconds kProposed{1800};
  static constexpr std::chrono::seconds kMaximum{24 * 3600};

  enum class Due { nothing, refresh, expired };

  /// We answer a request that carried `offered`. Nothing offered: the timer is off.
  void answer_request(const std::optional<SessionExpires>& offered, bool peer_supports_timer, core::TimePoint now);
  /// A 2xx to our request came with (or without) `agreed`.
  void take_response(const std::optional<SessionExpires>& agreed, core::TimePoint now);

  /// Value of Session-Expires for our 2xx; empty: none.
  std::string response_header() const;
  /// Value for our own refresh; empty: none.
  std::string request_header() const;
  bool active() const { return interval_.count() > 0; }
  /// A 2xx that makes the peer refresh must say Require: timer.
  bool requires_timer() const { return active() && !we_refresh_ && peer_supports_; }

  /// `refresh` is said once; after it, take_response() or refresh_failed() must be called.
  Due tick(core::TimePoint now);
  void refresh_failed(core::TimePoint now);

 private:
  void restart(core::TimePoint now);

  std::chrono::seconds interval_{0};
  bool we_refresh_ = false;
  bool peer_supports_ = false;
  bool refreshing_ = false;
  core::TimePoint refresh_at_{};
  core::TimePoint expires_at_{};
};

}  // namespace partyline::sip
