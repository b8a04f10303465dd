#include "sip/tcp_guard.hpp"

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <optional>

#include "core/client_network.hpp"
#include "sip/tcp_guard_info.hpp"

namespace partyline::sip {
namespace {

using Endpoint = boost::asio::ip::tcp::endpoint;

constexpr uint8_t kForeignChecks = 4;

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

/// The peer, if this is a TCP connection to our `port`.
std::optional<Endpoint> peer_of(int descriptor, uint16_t port) {
  const auto local = endpoint_of(descriptor, ::getsockname);
  if (!local || local->port() != port) return std::nullopt;
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM) return std::nullopt;
  return endpoint_of(descriptor, ::getpeername);  // the listening socket has none
}

core::Counter& ended(const char* reason) {
  return core::counter("partyline_sip_connections_ended_total", std::string("reason=\"") + reason + '"');
}

/// The rest is for media, HTTP and files.
size_t share_of_descriptors() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
  return static_cast<size_t>(files.rlim_cur / 2);
}

bool near(size_t count, size_t limit) {
  return count > limit - limit / 4;
}

}  // namespace

TcpGuard::TcpGuard(uint16_t port, Limits limits, std::vector<std::string> trusted_sources)
    : port_(port),
      limits_(limits),
      trusted_(std::move(trusted_sources)),
      directory_(::opendir("/proc/self/fd")),
      silent_(ended("silent")),
      idle_(ended("idle")),
      source_(ended("limit_of_address")),
      all_(ended("limit")) {
  const size_t most = share_of_descriptors();
  if (limits_.all <= most) return;
  core::log_warn("SIP takes {} TCP connections and not {}: the process may open no more than {} files", most,
                 limits_.all, 2 * most);
  limits_.all = most;
}

std::vector<int> TcpGuard::open_descriptors() {
  std::vector<int> result;
  if (!directory_) directory_.reset(::opendir("/proc/self/fd"));
  if (!directory_) return result;
  ::rewinddir(directory_.get());
  while (const dirent* const entry = ::readdir(directory_.get()))
    if (entry->d_name[0] != '.') result.push_back(std::atoi(entry->d_name));
  return result;
}

/// Most descriptors are media sockets and stay so for long: they are asked now and then only.
void TcpGuard::look(core::TimePoint now) {
  std::map<int, Seen> seen;
  std::vector<uint8_t> foreign;
  for (const int descriptor : open_descriptors()) {
    const auto index = static_cast<size_t>(descriptor);
    if (foreign.size() <= index) foreign.resize(index + 1);
    if (index < foreign_.size() && foreign_[index] > 0) {
      foreign[index] = static_cast<uint8_t>(foreign_[index] - 1);
    } else if (const auto peer = peer_of(descriptor, port_)) {
      note(descriptor, *peer, now, seen);
    } else {
      foreign[index] = kForeignChecks;
    }
  }
  seen_ = std::move(seen);
  foreign_ = std::move(foreign);
}

void TcpGuard::note(int descriptor, const Endpoint& peer, core::TimePoint now, std::map<int, Seen>& seen) {
  std::string name = peer.address().to_string() + " " + std::to_string(peer.port());
  const auto before = seen_.find(descriptor);
  const bool known = before != seen_.end() && before->second.peer == name;
  Seen& entry = seen[descriptor];
  if (known) {
    entry = std::move(before->second);
  } else {
    const bool trusted = std::ranges::find(trusted_, core::plain_address(peer.address()).to_string()) != trusted_.end();
    entry = {std::move(name), now, ++accepted_, now, 0, core::client_network(peer.address()), trusted};
  }
  const uint64_t received = bytes_received(descriptor);
  kernel_tells_ = kernel_tells_ || received > 0;
  if (received != entry.received) entry.heard = now;
  entry.received = received;
}

void TcpGuard::check(core::TimePoint now) {
  look(now);
  Strangers strangers;
  for (const auto& [descriptor, entry] : seen_) {
    if (entry.trusted) continue;
    if (kernel_tells_ && entry.received == 0 && now - entry.since >= limits_.silence) {
      end(descriptor, silent_, entry.peer, now);
    } else {
      strangers.emplace_back(descriptor, &entry);
    }
  }
  std::ranges::sort(strangers, {}, [](const auto& each) { return each.second->order; });
  if (kernel_tells_) end_idle(strangers, now);
  end_beyond(strangers, now);
}

void TcpGuard::end_idle(Strangers& strangers, core::TimePoint now) {
  std::map<boost::asio::ip::address, size_t> per_source;
  for (const auto& [descriptor, entry] : strangers) ++per_source[entry->source];
  const bool full = near(strangers.size(), limits_.all);
  std::erase_if(strangers, [&](const auto& each) {
    const auto& [descriptor, entry] = each;
    const bool idle = now - entry->heard >= limits_.idle;
    if (!idle || !(full || near(per_source[entry->source], limits_.per_source))) return false;
    end(descriptor, idle_, entry->peer, now);
    return true;
  });
}

void TcpGuard::end_beyond(Strangers& strangers, core::TimePoint now) {
  std::map<boost::asio::ip::address, size_t> per_source;
  std::erase_if(strangers, [&](const auto& each) {
    const auto& [descriptor, entry] = each;
    if (++per_source[entry->source] <= limits_.per_source) return false;
    end(descriptor, source_, entry->peer, now);
    return true;
  });
  if (strangers.size() <= limits_.all) return;
  if (kernel_tells_)
    std::ranges::stable_sort(strangers, std::greater(), [](const auto& each) { return each.second->heard; });
  for (size_t i = limits_.all; i < strangers.size(); ++i) end(strangers[i].first, all_, strangers[i].second->peer, now);
}

void TcpGuard::end(int descriptor, core::Counter& reason, const std::string& peer, core::TimePoint now) {
  ::shutdown(descriptor, SHUT_RDWR);
  reason.add();
  if (const auto times = log_limit_.admit(now))
    core::log_warn("SIP ends a TCP connection of {}: too many, or it says nothing ({} since the last line)", peer,
                   *times);
}

}  // namespace partyline::sip
