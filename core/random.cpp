#include "core/random.hpp"

#include <openssl/rand.h>

#include <stdexcept>

namespace partyline::core {
namespace {
template <class T>
T random_value() {
  T value{};
  if (RAND_bytes(reinterpret_cast<unsigned char*>(&value), sizeof value) != 1)
    throw std::runtime_error("no randomness from the system");
  return value;
}
}  // namespace

uint32_t random_u32() {
  return random_value<uint32_t>();
}
uint64_t random_u64() {
  return random_value<uint64_t>();
}

std::string random_token(size_t length) {
  static constexpr char kAlphabet[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  constexpr uint32_t kLetters = sizeof kAlphabet - 1;
  std::string out;
  out.reserve(length);
  while (out.size() < length) {
    const auto byte = random_value<uint8_t>();
    if (byte < 256 / kLetters * kLetters) out += kAlphabet[byte % kLetters];  // no modulo bias
  }
  return out;
}

}  // namespace partyline::core
