// Bits of an H.264 RBSP, front to back: skips emulation prevention bytes (H.264 §7.4.1.1) and reads Exp-Golomb codes
// (§9.1). Past the end everything is nothing. Thread: plain value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace partyline::rtp::h264 {

class BitReader {
 public:
  explicit BitReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  std::optional<uint32_t> bits(unsigned count) {
    uint32_t value = 0;
    for (unsigned i = 0; i < count; ++i) {
      const auto one = bit();
      if (!one) return std::nullopt;
      value = value << 1 | *one;
    }
    return value;
  }
  /// ue(v); nothing for values that need more than 16 leading zeros: none of ours do.
  std::optional<uint32_t> ue() {
    unsigned zeros = 0;
    for (auto one = bit();; one = bit()) {
      if (!one || zeros > 16) return std::nullopt;
      if (*one != 0) break;
      ++zeros;
    }
    const auto rest = bits(zeros);
    if (!rest) return std::nullopt;
    return (uint32_t{1} << zeros) - 1 + *rest;
  }
  std::optional<int32_t> se() {
    const auto code = ue();
    if (!code) return std::nullopt;
    const auto half = static_cast<int32_t>((*code + 1) / 2);
    return *code % 2 == 1 ? half : -half;
  }

 private:
  std::optional<uint32_t> bit() {
    if (left_ == 0) {
      if (zeros_ >= 2 && at_ < bytes_.size() && bytes_[at_] == 3) {
        ++at_;
        zeros_ = 0;
      }
      if (at_ >= bytes_.size()) return std::nullopt;
      current_ = bytes_[at_++];
      zeros_ = current_ == 0 ? zeros_ + 1 : 0;
      left_ = 8;
    }
    --left_;
    return current_ >> left_ & 1u;
  }

  std::span<const uint8_t> bytes_;
  size_t at_ = 0;
  unsigned zeros_ = 0, left_ = 0;
  uint8_t current_ = 0;
};

}  // namespace partyline::rtp::h264
