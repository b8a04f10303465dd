// How addresses are told, and who counts as one client where something is limited "per address": an IPv4 address, but
// the /64 of an IPv6 one, which is the least that a customer is given (RFC 6177 §2): all its addresses are one host's
// if it likes. Thread: any, pure.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>

namespace partyline::core {

/// ::ffff:a.b.c.d is told as a.b.c.d (RFC 4291 §2.5.5.2); the others stay what they are.
boost::asio::ip::address plain_address(const boost::asio::ip::address& address);
/// The client's address, or the first one of its network; ::ffff:a.b.c.d is a.b.c.d.
boost::asio::ip::address client_network(const boost::asio::ip::address& address);
/// The same in words; what is no address stays what it is.
std::string client_network(const std::string& address);

}  // namespace partyline::core
