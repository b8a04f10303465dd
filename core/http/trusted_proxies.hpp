// TrustedProxies: reverse proxies in front of the server, whose word on who asks is taken. Each proxy adds the address
// it was reached from at the end of X-Forwarded-For; what stands before the first stranger, read from the end, may be
// anybody's invention:
//
//   X-Forwarded-For: 8.8.8.8, 203.0.113.7, 10.0.0.2        from 10.0.0.3; trusted: 10.0.0.0/8
//                    invented  the client   a proxy
//
// Pure. Thread: any.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <string>
#include <vector>

#include "core/http/message.hpp"
#include "core/result.hpp"

namespace partyline::core::http {

class TrustedProxies {
 public:
  /// Addresses and networks ("192.0.2.1", "10.0.0.0/8", "2001:db8::/32"); `invalid` names the one that is none.
  static Result<TrustedProxies> of(const std::vector<std::string>& networks);
  bool contains(const boost::asio::ip::address& address) const;
  /// Who asks: `peer`, unless that is a proxy that says more. IPv4 in IPv6 is told as IPv4.
  boost::asio::ip::address client(const boost::asio::ip::address& peer, const Headers& headers) const;

 private:
  std::vector<boost::asio::ip::network_v4> v4_;
  std::vector<boost::asio::ip::network_v6> v6_;
};

}  // namespace partyline::core::http
