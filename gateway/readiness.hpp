// Whether this gateway should be given more to do, for load balancers and supervisors (/readyz). Pure functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/time.hpp"
#include "mixer/room_mixer.hpp"

namespace partyline::gateway {

struct Condition {
  mixer::EngineLoad engine;
  std::optional<bool> sip_listens;  ///< nothing: SIP is switched off
  bool stopping = false;
};

/// What speaks against it, in words; empty: ready.
std::vector<std::string> reasons_against(const Condition& condition, core::TimePoint now);

}  // namespace partyline::gateway
