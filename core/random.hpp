// Random values a stranger must not guess (ICE credentials, SSRCs, resource names). OpenSSL's generator. Thread: any.
#pragma once

#include <cstdint>
#include <string>

namespace partyline::core {

uint32_t random_u32();
uint64_t random_u64();
/// `length` characters of [a-zA-Z0-9] (about 5.95 bits each).
std::string random_token(size_t length);

}  // namespace partyline::core
