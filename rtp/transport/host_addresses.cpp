#include "rtp/transport/host_addresses.hpp"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <cstring>
#include <memory>
#include <optional>

#include "core/client_network.hpp"

namespace partyline::rtp {
namespace {

using boost::asio::ip::address;

constexpr size_t kMaxAddresses = 16;

std::optional<address> address_of(const sockaddr* socket_address) {
  if (socket_address == nullptr) return std::nullopt;
  if (socket_address->sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, socket_address, sizeof v4);
    return boost::asio::ip::address_v4(ntohl(v4.sin_addr.s_addr));
  }
  if (socket_address->sa_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, socket_address, sizeof v6);
    boost::asio::ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    const boost::asio::ip::address_v6 result(bytes);
    if (result.is_link_local()) return std::nullopt;
    return result;
  }
  return std::nullopt;
}

bool wanted(const address& a, AddressFamilies families) {
  return families == AddressFamilies::both || a.is_v6() == (families == AddressFamilies::v6);
}

}  // namespace

std::vector<address> host_addresses(AddressFamilies families) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, &::freeifaddrs);
  std::vector<address> result;
  for (const ifaddrs* entry = list; entry != nullptr && result.size() < kMaxAddresses; entry = entry->ifa_next) {
    const auto found = address_of(entry->ifa_addr);
    const bool up = (entry->ifa_flags & IFF_UP) != 0;
    if (!up || !found || !wanted(*found, families)) continue;
    if (std::find(result.begin(), result.end(), *found) == result.end()) result.push_back(*found);
  }
  std::stable_partition(result.begin(), result.end(), [](const address& a) { return !a.is_loopback(); });
  return result;
}

boost::asio::ip::udp::endpoint unmapped(const boost::asio::ip::udp::endpoint& endpoint) {
  return {core::plain_address(endpoint.address()), endpoint.port()};
}

core::Result<address> source_address_towards(const address& remote) {
  boost::asio::io_context unused;
  boost::asio::ip::udp::socket socket(unused);
  boost::system::error_code ec;
  const boost::asio::ip::udp::endpoint far(remote, 9);
  if (socket.open(far.protocol(), ec); !ec) socket.connect(far, ec);
  if (ec) {
    return core::make_error(core::ErrorCode::unavailable, "no route to " + remote.to_string() + ": " + ec.message());
  }
  const auto local = socket.local_endpoint(ec);
  if (ec) return core::make_error(core::ErrorCode::io, "cannot read the local address: " + ec.message());
  return local.address();
}

}  // namespace partyline::rtp
