#include "core/client_network.hpp"

#include <algorithm>

namespace partyline::core {

namespace ip = boost::asio::ip;

ip::address plain_address(const ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return ip::make_address_v4(ip::v4_mapped, address.to_v6());
}

ip::address client_network(const ip::address& address) {
  const ip::address plain = plain_address(address);
  if (!plain.is_v6()) return plain;
  auto bytes = plain.to_v6().to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), 0);
  return ip::address_v6(bytes);
}

std::string client_network(const std::string& address) {
  boost::system::error_code error;
  const auto parsed = ip::make_address(address, error);
  return error ? address : client_network(parsed).to_string();
}

}  // namespace partyline::core
