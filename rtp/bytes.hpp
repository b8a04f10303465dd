// Big-endian bytes on the wire. Unchecked: callers prove the length first. Thread: pure functions.
#pragma once

#include <cstdint>

namespace partyline::rtp {

inline uint16_t read_u16(const uint8_t* p) {
  return static_cast<uint16_t>(p[0] << 8 | p[1]);
}
inline uint32_t read_u24(const uint8_t* p) {
  return uint32_t{p[0]} << 16 | uint32_t{p[1]} << 8 | p[2];
}
inline uint32_t read_u32(const uint8_t* p) {
  return uint32_t{p[0]} << 24 | read_u24(p + 1);
}
inline uint64_t read_u64(const uint8_t* p) {
  return uint64_t{read_u32(p)} << 32 | read_u32(p + 4);
}
inline void write_u16(uint8_t* p, uint16_t value) {
  p[0] = static_cast<uint8_t>(value >> 8);
  p[1] = static_cast<uint8_t>(value);
}
inline void write_u24(uint8_t* p, uint32_t value) {
  p[0] = static_cast<uint8_t>(value >> 16);
  write_u16(p + 1, static_cast<uint16_t>(value));
}
inline void write_u32(uint8_t* p, uint32_t value) {
  p[0] = static_cast<uint8_t>(value >> 24);
  write_u24(p + 1, value & 0xFFFFFF);
}
inline void write_u64(uint8_t* p, uint64_t value) {
  write_u32(p, static_cast<uint32_t>(value >> 32));
  write_u32(p + 4, static_cast<uint32_t>(value));
}

}  // namespace partyline::rtp
