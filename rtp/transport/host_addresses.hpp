// The addresses of this host. Thread: any; asks the kernel, never blocks.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/udp.hpp>
#include <vector>

#include "core/result.hpp"

namespace partyline::rtp {

enum class AddressFamilies { v4, v6, both };

/// Every address of interfaces that are up, at most 16, without IPv6 link-local ones (they mean nothing without their
/// interface); loopback last.
std::vector<boost::asio::ip::address> host_addresses(AddressFamilies families);

/// `endpoint`, or the IPv4 address that a socket of both IP versions shows as ::ffff:a.b.c.d.
boost::asio::ip::udp::endpoint unmapped(const boost::asio::ip::udp::endpoint& endpoint);

/// The local address that packets to `remote` leave from: what a connected UDP socket says. Nothing is sent.
core::Result<boost::asio::ip::address> source_address_towards(const boost::asio::ip::address& remote);

}  // namespace partyline::rtp
