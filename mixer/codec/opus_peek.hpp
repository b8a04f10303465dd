// OpusPeek: how loud an Opus packet is, without decoding it: about 1 µs instead of 30.
//
//   transform coder (CELT)   the bands' coarse energies, each frame's first words (RFC 6716 §4.3.2.1): to 1 or 2 dB
//   speech coder (SILK)      voice activity flags and gains of each frame's first 20 ms (§4.2.3, §4.2.7.4): the level
//                            but for what the prediction filters add
//   both (hybrid)            the speech coder's, which has everything below 8 kHz
//
// Deliberately not told: what the speech coder takes for a voice, packets with a second copy of the one before them
// (only voices have one), and the speech coder in stereo: their gains stand behind more than is worth reading.
//
// Thread: one at a time per object. Takes no memory.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "mixer/codec/audio_codec.hpp"

namespace partyline::mixer {

class OpusPeek {
 public:
  /// To be called for each packet in order: energies are told relative to those of the frame before.
  std::optional<PacketLoudness> look(std::span<const uint8_t> payload);

 private:
  static constexpr size_t kBandsOfEnergy = 21;
  struct Shape {
    int configuration = 0;
    bool stereo = false;
    int pieces = 1;  // of 20 ms or less: the speech coder's
  };
  double transform_level(const Shape& shape, std::span<const uint8_t> frame);
  double level_of(size_t bands, size_t channels) const;

  std::array<std::array<float, kBandsOfEnergy>, 2> energies_{};  // log2 of the amplitude, without the usual ones
};

}  // namespace partyline::mixer
