// Comparing what strangers claim to know with what we know. Thread: any, pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace partyline::core {

/// Equal, in a time that does not tell where they differ: it goes by the length of `given` alone.
inline bool same_secret(std::string_view given, std::string_view ours) {
  unsigned difference = given.size() == ours.size() ? 0 : 1;
  for (size_t i = 0; i < given.size(); ++i) {
    const char other = ours.empty() ? '\0' : ours[i % ours.size()];
    difference |= static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(other);
  }
  return difference == 0;
}

}  // namespace partyline::core
