#include "sip/tcp_guard.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>

#include "core/client_network.hpp"

namespace partyline::sip {
namespace {

using Endpoint = boost::asio::ip::tcp::endpoint;

template <class Ask>
std::optional<Endpoint> endpoint_of(int descriptor, Ask ask) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (ask(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) return std::nullopt;
  if (address.ss_family != AF_INET && address.ss_family != AF_INET6) return std::nullopt;
  Endpoint endpoint;
  std::memcpy(endpoint.data(), &address, std::min<size_t>(size, endpoint.capacity()));
  endpoint.resize(size);
  return endpoint;
}

/// Without the IPv6 socket's way of writing IPv4.
boost::asio::ip::address plain(const boost::asio::ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6());
}

/// The peer, if this is a TCP connection to our `port`.
std::optional<Endpoint> peer_of(int descriptor, uint16_t port) {
  const auto local = endpoint_of(descriptor, ::getsockname);
  if (!local || local->port() != port) return std::nullopt;
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM) return std::nullopt;
  return endpoint_of(descriptor, ::getpeername);  // the listening socket has none
}

std::vector<int> open_descriptors() {
  std::vector<int> result;
  std::error_code error;
  for (std::filesystem::directory_iterator it("/proc/self/fd", error), end; !error && it != end; it.increment(error))
    result.push_back(std::atoi(it->path().filename().c_str()));
  return result;
}

core::Counter& ended(const char* reason) {
  return core::counter("partyline_sip_connections_ended_total", std::string("reason=\"") + reason + '"');
}

}  // namespace

TcpGuard::TcpGuard(uint16_t port, Limits limits, std::vector<std::string> trusted_sources)
    : port_(port),
      limits_(limits),
      trusted_(std::move(trusted_sources)),
      silent_(ended("silent")),
      source_(ended("limit_of_address")),
      all_(ended("limit")) {}

void TcpGuard::check(core::TimePoint now) {
  std::map<uint64_t, std::pair<int, Endpoint>> by_age;
  std::map<int, Seen> seen;
  for (const int descriptor : open_descriptors()) {
    const auto peer = peer_of(descriptor, port_);
    if (!peer) continue;
    const std::string name = peer->address().to_string() + " " + std::to_string(peer->port());
    const auto before = seen_.find(descriptor);
    const bool known = before != seen_.end() && before->second.peer == name;
    const Seen& entry = seen[descriptor] = known ? before->second : Seen{name, now, ++accepted_};
    kernel_tells_ = kernel_tells_ || bytes_received(descriptor) > 0;
    by_age.emplace(entry.order, std::pair(descriptor, *peer));
  }
  seen_ = std::move(seen);
  std::map<boost::asio::ip::address, size_t> per_source;
  size_t all = 0;
  for (const auto& [order, connection] : by_age) {
    const auto& [descriptor, peer] = connection;
    const Seen& entry = seen_[descriptor];
    const bool trusted = std::ranges::find(trusted_, plain(peer.address()).to_string()) != trusted_.end();
    if (kernel_tells_ && now - entry.since >= limits_.silence && bytes_received(descriptor) == 0) {
      end(descriptor, silent_, entry.peer, now);
    } else if (++all > limits_.all) {
      end(descriptor, all_, entry.peer, now);
    } else if (++per_source[core::client_network(peer.address())] > limits_.per_source && !trusted) {
      end(descriptor, source_, entry.peer, now);
    }
  }
}

void TcpGuard::end(int descriptor, core::Counter& reason, const std::string& peer, core::TimePoint now) {
  ::shutdown(descriptor, SHUT_RDWR);
  reason.add();
  if (const auto times = log_limit_.admit(now))
    core::log_warn("SIP ends a TCP connection of {}: too many, or it says nothing ({} since the last line)", peer,
                   *times);
}

}  // namespace partyline::sip
