// /metrics: the counters of core/ and the state of the rooms in Prometheus' text format. Thread: network.
#pragma once

#include <string>

#include "gateway/room_manager.hpp"
#include "mixer/room_mixer.hpp"
#include "rtp/link_report.hpp"

namespace partyline::gateway {

/// `links`: of the SFU's clients; null where it does not tell.
std::string render_metrics(const RoomManager& rooms, const rtp::LinkBook* links, const mixer::EngineLoad& load);

}  // namespace partyline::gateway
