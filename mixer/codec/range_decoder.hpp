// RangeDecoder: the symbols at the front of an Opus frame (RFC 6716 §4.1), for who wants to know a few of them without
// decoding the sound. Reads zeros behind the end, as libopus does; the raw bits at a frame's end are only counted.
//
// Thread: one at a time per object. Takes no memory.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>

namespace partyline::mixer {

class RangeDecoder {
 public:
  explicit RangeDecoder(std::span<const uint8_t> frame) : frame_(frame) {
    last_ = next_byte();
    value_ = 127 - (last_ >> 1);
    normalize();
  }

  /// Bits used so far, rounded up (§4.1.6.1).
  int tell() const { return bits_ - std::bit_width(range_); }
  int left() const { return static_cast<int>(frame_.size()) * 8 - tell(); }

  /// A bit that is set once in 2^logp (§4.1.3.2).
  bool bit(unsigned logp) {
    const uint32_t part = range_ >> logp;
    const bool set = value_ < part;
    if (!set) value_ -= part;
    range_ = set ? part : range_ - part;
    normalize();
    return set;
  }
  /// A symbol by its inverse cumulative distribution, out of 2^total, which ends with a 0 (§4.1.3.3).
  int symbol(std::span<const uint8_t> distribution, unsigned total) {
    const uint32_t part = range_ >> total;
    uint32_t high = range_, low = range_;
    size_t at = 0;
    for (;; ++at) {
      high = low;
      low = part * distribution[at];
      if (value_ >= low || at + 1 == distribution.size()) break;
    }
    value_ -= low;
    range_ = high - low;
    normalize();
    return static_cast<int>(at);
  }
  /// 0 … count - 1, all alike; count <= 256 (§4.1.5).
  uint32_t uniform(uint32_t count) {
    const uint32_t part = range_ / count;
    const uint32_t at = count - std::min(value_ / part + 1, count);
    take(part, at, at + 1, count);
    return at;
  }
  /// Laplace-like, with the probability of 0 and the decay of the rest in 2^-15 and 2^-14 (§4.3.2.1).
  int laplace(uint32_t zero, uint32_t decay) {
    constexpr uint32_t total = 1U << 15, tails = 32;
    const uint32_t part = range_ >> 15;
    const uint32_t where = total - std::min(value_ / part + 1, total);
    uint32_t low = 0, size = zero;
    int value = 0;
    if (where >= size) {
      value = 1;
      low = size;
      size = ((total - tails - zero) * (16384 - decay) >> 15) + 1;
      while (size > 1 && where >= low + 2 * size) {
        size *= 2;
        low += size;
        size = ((size - 2) * decay >> 15) + 1;
        ++value;
      }
      if (size <= 1) {
        const uint32_t further = (where - low) / 2;
        value += static_cast<int>(further);
        low += 2 * further;
      }
      if (where < low + size) {
        value = -value;
      } else {
        low += size;
      }
    }
    take(part, low, std::min(low + size, total), total);
    return value;
  }
  /// Raw bits, unread (§4.1.4).
  void skip_raw(int count) { bits_ += count; }

 private:
  uint32_t next_byte() { return at_ < frame_.size() ? frame_[at_++] : 0; }
  void take(uint32_t part, uint32_t low, uint32_t high, uint32_t total) {
    const uint32_t above = part * (total - high);
    value_ -= above;
    range_ = low > 0 ? part * (high - low) : range_ - above;
    normalize();
  }
  void normalize() {
    while (range_ <= 1U << 23) {
      bits_ += 8;
      range_ <<= 8;
      const uint32_t before = last_;
      last_ = next_byte();
      const uint32_t symbol = (before << 8 | last_) >> 1 & 255;
      value_ = ((value_ << 8) + (255 - symbol)) & 0x7fffffff;
    }
  }

  std::span<const uint8_t> frame_;
  size_t at_ = 0;
  uint32_t range_ = 128, value_ = 0, last_ = 0;
  int bits_ = 9;
};

}  // namespace partyline::mixer
