// The Link headers that tell clients of ICE servers (RFC 9725 §4.6, RFC 8288):
//
//   Link: <turn:turn.example.net?transport=tcp>; rel="ice-server"; username="1789:ann"; credential="…";
//         credential-type="password"
//
// Thread: any; reads the wall clock, which TURN servers go by.
#pragma once

#include <vector>

#include "core/http/message.hpp"
#include "rtp/transport/ice_server.hpp"

namespace partyline::sfu {

/// One header a server, in their order; where there is a secret, with credentials made from it for this answer.
core::http::Headers ice_server_links(const std::vector<rtp::IceServer>& servers);

}  // namespace partyline::sfu
