// PathReport: one report block, as far as it tells of the path (RFC 3550 §6.4.1).
#pragma once

#include <cstdint>
#include <optional>

#include "core/time.hpp"
#include "rtp/wire_types.hpp"

namespace partyline::rtp {

struct PathReport {
  double fraction_lost = 0;  ///< 0…1 since the report before
  /// Packets, repetitions taken off. Where it has grown it outdoes fraction_lost, for it goes on where a report got
  /// lost; there are phones that do not count.
  int32_t lost_in_all = 0;
  Seq16 highest;  ///< number that came
  double jitter_ms = 0;
  std::optional<core::Duration> round_trip;  ///< by a sender report that is young
};

}  // namespace partyline::rtp
