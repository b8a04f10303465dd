#include "sip/session_timer.hpp"

#include <algorithm>

#include "sip/header_text.hpp"

namespace partyline::sip {

void SessionTimer::answer_request(const std::optional<SessionExpires>& offered, bool peer_supports_timer,
                                  core::TimePoint now) {
  if (!offered) {
    interval_ = {};
    return;
  }
  interval_ = std::clamp(offered->interval, kMinimum, kMaximum);
  peer_supports_ = peer_supports_timer;
  // RFC 4028 §9, table 2: the caller's wish counts; a caller without the extension cannot refresh.
  we_refresh_ = !peer_supports_timer || same_word(offered->refresher, "uas");
  restart(now);
}

void SessionTimer::take_response(const std::optional<SessionExpires>& agreed, core::TimePoint now) {
  if (!agreed) {
    interval_ = {};
    return;
  }
  interval_ = std::clamp(agreed->interval, kMinimum, kMaximum);
  peer_supports_ = true;
  we_refresh_ = !same_word(agreed->refresher, "uas");
  restart(now);
}

std::string SessionTimer::response_header() const {
  if (!active()) return {};
  return std::to_string(interval_.count()) + ";refresher=" + (we_refresh_ ? "uas" : "uac");
}

std::string SessionTimer::request_header() const {
  if (!active()) return {};
  return std::to_string(interval_.count()) + ";refresher=" + (we_refresh_ ? "uac" : "uas");
}

SessionTimer::Due SessionTimer::tick(core::TimePoint now) {
  if (!active()) return Due::nothing;
  if (now >= expires_at_) {
    interval_ = {};
    return Due::expired;
  }
  if (we_refresh_ && !refreshing_ && now >= refresh_at_) {
    refreshing_ = true;
    return Due::refresh;
  }
  return Due::nothing;
}

void SessionTimer::refresh_failed(core::TimePoint now) {
  refreshing_ = false;
  refresh_at_ = now + std::max(interval_ / 10, std::chrono::seconds(5));
}

void SessionTimer::restart(core::TimePoint now) {
  refreshing_ = false;
  refresh_at_ = now + interval_ / 2;
  expires_at_ = now + interval_ - std::min(std::chrono::seconds(32), interval_ / 3);
}

}  // namespace partyline::sip
