// RoomSounds: what a room adds to its mix by itself: comfort noise, so that a silent line is not taken for a dead one,
// and the tones that tell of somebody's coming and going. All mixes of a room get the same, so changes between a shared
// and an own mix stay inaudible.
//
// Thread: play() and set_comfort_noise() from any, the rest on the audio tick.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>

#include "mixer/audio/pcm.hpp"
#include "mixer/room_mixer.hpp"

namespace partyline::mixer {

class RoomSounds {
 public:
  static constexpr double kNoComfort = -127;  ///< dBov

  void set_comfort_noise(double dbov);
  /// Two notes, up or down; not while others are being played: a crowd that comes is one tone.
  void play(Tone tone) { asked_.store(tone, std::memory_order_relaxed); }

  /// Before the tick's mixes are made.
  void begin();
  /// Adds this tick's sounds to the mix of a band.
  void add_to(std::span<float> mix, size_t band);

 private:
  std::atomic<float> noise_{0};  // amplitude
  std::atomic<Tone> asked_{Tone::none};
  Tone playing_ = Tone::none;
  size_t position_ = 0, next_ = 0;  // 48 kHz samples of the tone, at the start of this tick and of the next
  std::array<uint32_t, 8> random_{1, 2, 3, 4, 5, 6, 7, 8};
};

}  // namespace partyline::mixer
