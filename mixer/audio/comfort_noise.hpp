// ComfortNoise: the noise that a sender who is silent describes instead of sending it (RFC 3389): white noise through
// an all-pole lattice filter, at the level told.
//
//   | 0 |    level, -dBov     |  k₁ (8 bits)  |  k₂  | …      reflection coefficients, kᵢ = 258·(Nᵢ - 127) / 32768
//
// Thread: the audio tick; allocates nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace partyline::mixer {

class ComfortNoise {
 public:
  /// `spectrum`: the filter is meant for the rate of the noise; else only the level is taken. An empty payload is
  /// silence.
  void describe(std::span<const uint8_t> payload, bool spectrum);
  bool wanted() const { return wanted_; }
  /// Somebody talks: no noise until the next description.
  void stop();
  /// Goes on from what it made last; a new level is reached within some milliseconds.
  void render(std::span<float> pcm);

 private:
  static constexpr size_t kMostPoles = 12;

  bool wanted_ = false;
  float target_ = 0, gain_ = 0;  // of the excitation, which is uniform in ±1
  size_t poles_ = 0;
  std::array<float, kMostPoles> reflection_{}, delayed_{};
  uint32_t random_ = 0x2545F491;
};

}  // namespace partyline::mixer
