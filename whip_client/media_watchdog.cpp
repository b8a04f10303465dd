#include "whip_client/media_watchdog.hpp"

#include <algorithm>

namespace partyline::whip_client {

void MediaWatchdog::on_connected(core::TimePoint now, bool expects_video) {
  connected_ = now;
  asked_about_ = {};
  expects_video_ = expects_video;
  had_media_ = false;
}

MediaWatchdog::Action MediaWatchdog::check(core::TimePoint last_audio, core::TimePoint last_video,
                                           core::TimePoint now) {
  const core::TimePoint last = std::max(last_audio, last_video);
  if (last != core::TimePoint{}) {
    had_media_ = true;
    silent_sessions_ = 0;
  }
  constexpr int longest = 3;  // doublings
  const core::Duration patience =
      had_media_ ? media_timeout_ : media_timeout_ * (1 << std::min(silent_sessions_, longest));
  if (now - std::max(last, connected_) >= patience) {
    if (!had_media_) ++silent_sessions_;
    return Action::restart;
  }
  const bool video_stopped = expects_video_ && last_video != core::TimePoint{} && now - last_video >= kVideoSilence;
  if (video_stopped && asked_about_ != last_video) {
    asked_about_ = last_video;
    return Action::request_keyframe;
  }
  return Action::none;
}

}  // namespace partyline::whip_client
