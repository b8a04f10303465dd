#include "rtp/transport/ice_client_config.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/this_coro.hpp>
#include <optional>

#include "core/log.hpp"
#include "core/name_lookups.hpp"
#include "rtp/transport/host_addresses.hpp"
#include "rtp/transport/ice_candidate.hpp"

namespace partyline::rtp {
namespace {

namespace asio = boost::asio;
using asio::ip::address;

// Of a name's addresses: "localhost" is two hosts, and only one of them may answer.
constexpr size_t kMaxAddresses = 4;

// The addresses that route to the peer first, then all others of the host; loopback only where the peer is there.
core::Result<std::vector<address>> local_addresses(const std::vector<address>& remotes) {
  std::vector<address> result;
  const auto add = [&result](const address& local) {
    if (std::find(result.begin(), result.end(), local) == result.end()) result.push_back(local);
  };
  core::Error no_route;
  for (const address& remote : remotes) {
    auto route = source_address_towards(remote);
    if (!route) {
      no_route = route.error();
      continue;
    }
    add(*route);
  }
  if (result.empty() && !remotes.empty()) return no_route;
  for (const address& other : host_addresses(AddressFamilies::both)) {
    if (!other.is_loopback()) add(other);
  }
  return result;
}

bool open_tunnel(IceAgentConfig::Relay& relay, const std::string& host, const asio::any_io_executor& executor) {
  auto tunnel = TurnTlsTunnel::open(executor, host, {asio::ip::make_address(relay.address), relay.port});
  if (!tunnel) {
    core::log_warn("ICE server left out: {}", tunnel.error().message);
    return false;
  }
  relay.tunnel = *std::move(tunnel);
  relay.address = relay.tunnel->local().address().to_string();
  relay.port = relay.tunnel->local().port();
  return true;
}

struct NamedServer {
  IceServer server;
  IceServerUrl url;
};

// A server that does not do is no reason not to try without it.
std::vector<NamedServer> readable(std::vector<IceServer> servers) {
  constexpr size_t kMost = 16;
  std::vector<NamedServer> result;
  for (IceServer& server : servers) {
    auto url = parse_ice_server_url(server.url);
    if (!url) core::log_warn("ICE server left out: {}", url.error().message);
    if (url && result.size() < kMost) result.push_back({std::move(server), *std::move(url)});
  }
  return result;
}

// One answer each, all looked up at the same time; none for a server that has no address.
asio::awaitable<std::vector<std::optional<address>>> locate(std::vector<NamedServer> servers,
                                                            core::TimePoint deadline) {
  std::vector<std::string> hosts;
  for (const NamedServer& each : servers) hosts.push_back(each.url.host);
  const auto found = co_await core::NameLookups::of_process().find_all(std::move(hosts), deadline);
  std::vector<std::optional<address>> result;
  for (size_t i = 0; i < servers.size(); ++i) {
    result.emplace_back();
    if (!found[i]) {
      core::log_warn("ICE server left out: '{}': {}", core::printable(servers[i].url.host), found[i].error().message);
      continue;
    }
    // A name may have addresses of an IP version that we have not.
    const auto reachable = std::find_if(found[i]->begin(), found[i]->end(),
                                        [](const address& there) { return source_address_towards(there).has_value(); });
    result.back() = reachable == found[i]->end() ? found[i]->front() : *reachable;
  }
  co_return result;
}

std::vector<IceAgentConfig::Relay> relays_among(const std::vector<NamedServer>& servers,
                                                const std::vector<std::optional<address>>& addresses,
                                                const asio::any_io_executor& executor) {
  std::vector<IceAgentConfig::Relay> relays;
  for (size_t i = 0; i < servers.size() && relays.size() < kMaxRelays; ++i) {
    const IceServerUrl& url = servers[i].url;
    if (!url.turn || !addresses[i]) continue;
    const IceServer known = for_session_now(servers[i].server);
    IceAgentConfig::Relay relay{addresses[i]->to_string(), known.username, known.credential, url.port, url.tcp};
    if (url.tls && !open_tunnel(relay, url.host, executor)) continue;
    relays.push_back(std::move(relay));
  }
  return relays;
}

}  // namespace

asio::awaitable<core::Result<IceAgentConfig>> ice_agent_config(NiceConfig config) {
  const core::TimePoint deadline = core::Clock::now() + config.gather_timeout;
  std::vector<address> remotes;
  if (!config.remote_host.empty()) {
    auto resolved = co_await core::NameLookups::of_process().find(config.remote_host, deadline);
    if (!resolved) co_return resolved.error().with_context("'" + core::printable(config.remote_host) + "'");
    remotes = *std::move(resolved);
    remotes.resize(std::min(remotes.size(), kMaxAddresses));
  }
  auto locals = local_addresses(remotes);
  if (!locals) co_return locals.error();
  IceAgentConfig result;
  result.local_addresses = *std::move(locals);
  result.tcp = config.ice_tcp;
  const auto servers = readable(std::move(config.ice_servers));
  const auto addresses = co_await locate(servers, core::Clock::now() + config.gather_timeout);
  for (size_t i = 0; i < servers.size(); ++i) {
    if (servers[i].url.turn || !addresses[i]) continue;
    result.stun_address = addresses[i]->to_string();
    result.stun_port = servers[i].url.port;
    break;
  }
  result.relays = relays_among(servers, addresses, co_await asio::this_coro::executor);
  co_return result;
}

asio::awaitable<std::vector<IceAgentConfig::Relay>> relays_of(std::vector<IceServer> servers, core::Duration limit) {
  auto known = readable(std::move(servers));
  std::erase_if(known, [](const NamedServer& each) { return !each.url.turn; });
  const auto addresses = co_await locate(known, core::Clock::now() + limit);
  co_return relays_among(known, addresses, co_await asio::this_coro::executor);
}

}  // namespace partyline::rtp
