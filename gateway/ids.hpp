// Ids of legs and outputs. Thread: network.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace partyline::gateway {

/// "sip-1", "out-2" …: unique in the process, so that an id in a log or an event means one thing for ever.
inline std::string next_id(std::string_view kind) {
  static uint64_t last = 0;
  return fmt::format("{}-{}", kind, ++last);
}

}  // namespace partyline::gateway
