// /metrics: the counters of core/ and the state of the rooms in Prometheus' text format. Thread: network.
#pragma once

#include <string>

#include "gateway/room_manager.hpp"
#include "mixer/room_mixer.hpp"

namespace partyline::gateway {

std::string render_metrics(const RoomManager& rooms, const mixer::EngineLoad& load);

}  // namespace partyline::gateway
