// TransportCongestion: what the sessions on one transport share when they number their packets in one sequence space
// (draft-holmer-rmcat-transport-wide-cc-extensions-01 §2): the numbers and the one estimate of what the path carries.
// One of the sessions leads: it takes the peer's feedback and probes the path with padding. What is estimated is split
// by the owner of the sessions. Thread: the sessions', all of them one.
#pragma once

#include <cstdint>

#include "core/random.hpp"
#include "rtp/bandwidth_estimator.hpp"

namespace partyline::rtp {

struct TransportCongestion {
  uint16_t next_number = static_cast<uint16_t>(core::random_u32());
  BandwidthEstimator estimator;
};

}  // namespace partyline::rtp
