#include "core/client_network.hpp"

#include <algorithm>

namespace partyline::core {

namespace ip = boost::asio::ip;

ip::address client_network(const ip::address& address) {
  if (!address.is_v6()) return address;
  if (address.to_v6().is_v4_mapped()) return ip::make_address_v4(ip::v4_mapped, address.to_v6());
  auto bytes = address.to_v6().to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), 0);
  return ip::address_v6(bytes);
}

std::string client_network(const std::string& address) {
  boost::system::error_code error;
  const auto parsed = ip::make_address(address, error);
  return error ? address : client_network(parsed).to_string();
}

}  // namespace partyline::core
