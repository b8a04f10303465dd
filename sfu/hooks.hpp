// Hooks in SRS's JSON, so that one receiver serves both servers: HTTP POST to each URL in turn.
// Deliberately not done: on_connect/on_close (RTMP only), on_dvr, on_hls.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace partyline::sfu {

/// Who does what, in SRS's words.
struct HookSubject {
  std::string client_id, ip, app, stream, stream_id;
  std::string param;  ///< the raw query of the WHIP or WHEP URL, no '?'
};

class Hooks {
 public:
  Hooks(std::vector<std::string> urls, std::chrono::milliseconds timeout);

  /// The body for `action`: on_publish, on_unpublish, on_play, on_stop.
  std::string body(std::string_view action, const HookSubject& subject) const;
  /// True for what SRS takes as yes: 200 or 201 with `0` or an object whose code is 0.
  static bool accepts(int status, std::string_view body);
  /// Why it is a no, where the body says so ("msg", as SRS's own have it): for whoever was refused.
  static std::string reason(std::string_view body);

  /// Asks all; the first refusal (forbidden) or failure (unavailable) ends it.
  boost::asio::awaitable<core::Result<>> ask(std::string action, HookSubject subject) const;
  /// Tells all; answers are logged at most.
  void tell(const boost::asio::any_io_executor& executor, std::string action, HookSubject subject) const;

 private:
  std::vector<std::string> urls_;
  std::chrono::milliseconds timeout_;
  std::string server_id_, service_id_;  // the latter changes with each start: receivers see a restart
};

}  // namespace partyline::sfu
