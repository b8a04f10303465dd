// WHIP and WHEP over HTTP: the routes, and what a request means for the hub. Thread: the server's executor, which is
// the SFU's.
#pragma once

#include <memory>

#include "core/http/server.hpp"
#include "sfu/hub.hpp"

namespace partyline::sfu {

void add_session_routes(core::http::Server& server, const std::shared_ptr<Hub>& hub);

}  // namespace partyline::sfu
