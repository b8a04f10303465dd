// From what a client is told (names, URLs) to what libnice takes (addresses). Included by rtp/transport only.
// Thread: the awaiting coroutine's executor.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <vector>

#include "rtp/transport/nice_agent.hpp"
#include "rtp/transport/nice_transport.hpp"

namespace partyline::rtp {

constexpr size_t kMaxRelays = 8;  // libnice's own limit

/// Local addresses by the way to the peer, and every ICE server that does; one that does not is left out with a
/// warning. An error when the peer's host has no address, or none that can be reached.
boost::asio::awaitable<core::Result<IceAgentConfig>> ice_agent_config(NiceConfig config);

/// The TURN servers among `servers`, resolved, all names at the same time; `limit` for them together.
boost::asio::awaitable<std::vector<IceAgentConfig::Relay>> relays_of(std::vector<IceServer> servers,
                                                                     core::Duration limit);

}  // namespace partyline::rtp
