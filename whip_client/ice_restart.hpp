// An ICE restart on the resource that there is (RFC 9725 §4.3.3; WHEP likewise): gathers again, tells the server by
// PATCH and hands its answer to the connection, whose media goes on over the path that is found:
//
//   no server is reached either     again each second, until the connection has had enough
//   it answers, no path is found    again after four, three times in all: a TURN server that just starts anew had no
//                                   relay for us, and a network changes in steps
//   it knows no restart, or that    the connection is given up, and whoever owns it makes a new resource
//   was of no use
//
// Thread: the awaiting coroutine's executor. Beside Connection::run().
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

#include "whip_client/connection.hpp"
#include "whip_client/peer.hpp"

namespace partyline::whip_client {

/// `url`: the resource; `kind` and `mid`: of the section whose transport it is.
boost::asio::awaitable<void> restart_ice(PeerConfig config, std::shared_ptr<Connection> connection, std::string url,
                                         std::string kind, std::string mid);

}  // namespace partyline::whip_client
