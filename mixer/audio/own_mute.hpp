// OwnMute: whether a member cannot be heard because of himself, which people want to see before they talk to him.
//
//   what his peer agreed to  ─── to send no sound at all (SDP): muted
//   packets                  ─── none for 2 s, unless the last one said that it pauses (RFC 3389, DTX): muted
//   what is in them          ─── digital silence for 3 s, which no open microphone is: muted
//                                the first sound: not muted
//
// Pure logic. Thread: one at a time. Deliberately not here: what digital silence is (AudioSource knows its codecs).
#pragma once

#include <optional>

#include "core/time.hpp"
#include "mixer/room_mixer.hpp"

namespace partyline::mixer {

class OwnMute {
 public:
  static constexpr core::Duration kAbsent = std::chrono::seconds(2), kSilent = std::chrono::seconds(3);

  /// Something came. `pauses`: nothing need follow it while he is silent.
  void on_packet(core::TimePoint now, bool pauses) {
    came_ = true;
    last_ = now;
    pauses_ = pauses;
  }
  /// What was received is played: a whole packet of digital silence, or something else.
  void on_silence(core::TimePoint now) {
    if (!silent_since_) silent_since_ = now;
    if (now - *silent_since_ >= kSilent) silent_ = true;
  }
  void on_sound() {
    silent_since_.reset();
    silent_ = false;
  }
  /// Nothing of it is looked at: what was found out is no longer known.
  void forget_sound() { on_sound(); }
  /// Nor is it known whether packets come.
  void forget() {
    on_sound();
    last_.reset();
    pauses_ = false;
  }
  /// Once a tick.
  bool update(OwnSound agreed, core::TimePoint now) {
    if (agreed != agreed_) forget();
    agreed_ = agreed;
    const bool due = agreed == OwnSound::expected || (agreed == OwnSound::once_begun && came_);
    if (due && !last_) last_ = now;
    // From here on only sound helps: a microphone that is switched on again may begin with the silence before it.
    if (due && !pauses_ && now - *last_ >= kAbsent) silent_ = true;
    return agreed == OwnSound::refused || (due && silent_);
  }

 private:
  OwnSound agreed_ = OwnSound::once_begun;
  std::optional<core::TimePoint> last_, silent_since_;
  bool came_ = false, pauses_ = false, silent_ = false;
};

}  // namespace partyline::mixer
