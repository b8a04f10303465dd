#include "sfu/picture_numbers.hpp"

namespace partyline::sfu {

// |X|R|N|S|R| PID |   X: |I|L|T|K|RSV|   I: |M| picture id (7 or 15) |   L: TL0PICIDX   T/K: |TID|Y|KEYIDX|
PictureNumbers picture_numbers(std::span<const uint8_t> payload) {
  PictureNumbers numbers;
  if (payload.size() < 2 || (payload[0] & 0x80) == 0) return numbers;
  const bool has_picture = (payload[1] & 0x80) != 0, has_base = (payload[1] & 0x40) != 0;
  size_t at = 2;
  if (has_picture) {
    if (at >= payload.size()) return {};
    numbers.wide = (payload[at] & 0x80) != 0;
    if (at + (numbers.wide ? 2 : 1) > payload.size()) return {};
    numbers.picture_at = static_cast<uint8_t>(at);
    numbers.picture = numbers.wide ? static_cast<uint16_t>((payload[at] & 0x7F) << 8 | payload[at + 1])
                                   : static_cast<uint16_t>(payload[at] & 0x7F);
    at += numbers.wide ? 2 : 1;
  }
  if (has_base) {
    if (at >= payload.size()) return {};
    numbers.base_at = static_cast<uint8_t>(at);
    numbers.base = payload[at];
  }
  return numbers;
}

void PictureRenumbering::apply(const PictureNumbers& numbers, std::span<uint8_t> payload, bool fresh) {
  const size_t end = numbers.picture_at + (numbers.wide ? 2u : 1u);
  if (numbers.picture_at != 0 && end <= payload.size()) {
    const auto picture = static_cast<uint16_t>((numbers.picture + picture_offset_) & (numbers.wide ? 0x7FFF : 0x7F));
    if (numbers.wide) {
      payload[numbers.picture_at] = static_cast<uint8_t>(0x80 | picture >> 8);
      payload[numbers.picture_at + 1] = static_cast<uint8_t>(picture);
    } else {
      payload[numbers.picture_at] = static_cast<uint8_t>(picture);
    }
    if (fresh) last_picture_ = picture;
  }
  if (numbers.base_at != 0 && numbers.base_at < payload.size()) {
    payload[numbers.base_at] = static_cast<uint8_t>(numbers.base + base_offset_);
    if (fresh) last_base_ = payload[numbers.base_at];
  }
}

}  // namespace partyline::sfu
