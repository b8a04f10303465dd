#include "core/footprint.hpp"

namespace partyline::core {

// Here and not in the header: a function that does nothing but fetch has no effect in GCC's eyes, and where it sees
// the body without inlining it, it leaves the call out.
void fetch_ahead(const void* from, size_t bytes) {
  const auto begin = reinterpret_cast<uintptr_t>(from);
  for (uintptr_t line = begin / kCacheLine * kCacheLine; line < begin + bytes; line += kCacheLine)
    __builtin_prefetch(reinterpret_cast<const void*>(line), 1);
}

}  // namespace partyline::core
