// Watches what a subscriber receives. SRS says nothing when its publisher goes (no BYE, no DTLS alert), so silence is
// all there is to see:
//
//   0 s        2 s                     media_timeout
//   ├─ media ──┼─ no video: ask for a keyframe once (a publisher that comes back starts in the middle of a GOP)
//   └──────────┴───────────────────────┼─ neither audio nor video: start again
//
// A stream that has not begun yet is not dead: its publisher may come later, and the server keeps the session. It is
// asked for again at growing intervals only (media_timeout ×1, ×2, ×4, ×8), because SRS freezes the set of tracks when
// a player comes before its publisher. A camera that is switched off while audio goes on restarts nothing.
//
// Thread: owner's. `now` is a parameter.
#pragma once

#include <optional>

#include "core/time.hpp"

namespace partyline::whip_client {

class MediaWatchdog {
 public:
  static constexpr core::Duration kVideoSilence = std::chrono::seconds(2);

  enum class Action { none, request_keyframe, restart };

  explicit MediaWatchdog(core::Duration media_timeout) : media_timeout_(media_timeout) {}

  /// A new session stands; what was received before does not count any more.
  void on_connected(core::TimePoint now, bool expects_video);
  /// `last_audio` and `last_video`: when the last packet came; epoch: none in this session.
  Action check(core::TimePoint last_audio, core::TimePoint last_video, core::TimePoint now);

 private:
  core::Duration media_timeout_;
  core::TimePoint connected_{};
  core::TimePoint asked_about_{};  ///< the last_video for which a keyframe was asked
  bool expects_video_ = false;
  bool had_media_ = false;
  int silent_sessions_ = 0;  ///< in a row, without a single packet
};

}  // namespace partyline::whip_client
