// A still picture of a room: the next canvas as JPEG, through an output that lives for one frame. Thread: network.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>

#include "core/result.hpp"
#include "gateway/room_manager.hpp"

namespace partyline::gateway {

/// The JPEG's bytes, `width` pixels wide (nothing: the canvas's), its height by the canvas's aspect. Errors: not_found
/// (no such room), conflict (it is not mixed), invalid (width), timeout (no picture within 2 s).
boost::asio::awaitable<core::Result<std::string>> take_still(RoomManager& rooms, std::string room,
                                                             std::optional<int> width);

}  // namespace partyline::gateway
