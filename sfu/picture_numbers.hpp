// VP8's picture id and TL0PICIDX (RFC 7741 §4.2) made continuous for a player: simulcast layers and publishers that
// follow one another count each for themselves. Pure. Thread: owner's.
#pragma once

#include <cstdint>
#include <span>

namespace partyline::sfu {

/// Where the numbers stand in a packet's payload, and what they were when it came.
struct PictureNumbers {
  uint8_t picture_at = 0;  ///< byte; 0: none
  bool wide = false;       ///< 15 bits, else 7
  uint8_t base_at = 0;     ///< of TL0PICIDX; 0: none
  uint16_t picture = 0;
  uint8_t base = 0;
};
/// Of a VP8 payload; nothing in it when it is malformed.
PictureNumbers picture_numbers(std::span<const uint8_t> payload);

class PictureRenumbering {
 public:
  /// What comes next is from another source, and begins with this.
  void follow(const PictureNumbers& first) {
    picture_offset_ = static_cast<uint16_t>(last_picture_ + 1 - first.picture);
    base_offset_ = static_cast<uint8_t>(last_base_ + 1 - first.base);
  }
  /// Writes the player's numbers into `payload`; `fresh`: not a packet sent again.
  void apply(const PictureNumbers& numbers, std::span<uint8_t> payload, bool fresh);

 private:
  uint16_t picture_offset_ = 0, last_picture_ = 0;
  uint8_t base_offset_ = 0, last_base_ = 0;
};

}  // namespace partyline::sfu
