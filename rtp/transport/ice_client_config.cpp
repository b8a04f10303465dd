#include "rtp/transport/ice_client_config.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>

#include "core/log.hpp"
#include "rtp/transport/host_addresses.hpp"
#include "rtp/transport/ice_candidate.hpp"

namespace partyline::rtp {
namespace {

namespace asio = boost::asio;
using asio::ip::address;
using asio::ip::udp;

// All addresses of a name, at most four: "localhost" is two hosts, and only one of them may answer.
asio::awaitable<core::Result<std::vector<address>>> resolve(std::string host, core::Duration limit) {
  using namespace asio::experimental::awaitable_operators;
  constexpr size_t kMaxAddresses = 4;
  boost::system::error_code ec;
  const address literal = asio::ip::make_address(host, ec);
  if (!ec) co_return std::vector<address>{literal};
  const auto executor = co_await asio::this_coro::executor;
  udp::resolver resolver(executor);
  asio::steady_timer timer(executor, limit);
  constexpr auto token = asio::as_tuple(asio::use_awaitable);
  auto result = co_await (resolver.async_resolve(host, "9", token) || timer.async_wait(token));
  if (result.index() == 1) {
    co_return core::make_error(core::ErrorCode::timeout, "resolving '" + core::printable(host) + "' took too long");
  }
  const auto& [error, found] = std::get<0>(result);
  if (error || found.empty()) {
    co_return core::make_error(core::ErrorCode::unavailable,
                               "cannot resolve '" + core::printable(host) + "': " + error.message());
  }
  std::vector<address> addresses;
  for (const auto& entry : found) {
    if (addresses.size() < kMaxAddresses) addresses.push_back(entry.endpoint().address());
  }
  co_return addresses;
}

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

struct LocatedServer {
  IceServerUrl url;
  std::string address;
};

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

// A server that does not do is no reason not to try without it.
asio::awaitable<std::optional<LocatedServer>> locate(std::string text, core::Duration limit) {
  auto url = parse_ice_server_url(text);
  if (!url) {
    core::log_warn("ICE server left out: {}", url.error().message);
    co_return std::nullopt;
  }
  const auto found = co_await resolve(url->host, limit);
  if (!found) {
    core::log_warn("ICE server left out: {}", found.error().message);
    co_return std::nullopt;
  }
  // A name may have addresses of an IP version that we have not.
  const auto reachable = std::find_if(found->begin(), found->end(),
                                      [](const address& there) { return source_address_towards(there).has_value(); });
  const address& chosen = reachable == found->end() ? found->front() : *reachable;
  co_return LocatedServer{*std::move(url), chosen.to_string()};
}

}  // namespace

asio::awaitable<core::Result<IceAgentConfig>> ice_agent_config(NiceConfig config) {
  std::vector<address> remotes;
  if (!config.remote_host.empty()) {
    auto resolved = co_await resolve(config.remote_host, config.gather_timeout);
    if (!resolved) co_return resolved.error();
    remotes = *std::move(resolved);
  }
  auto locals = local_addresses(remotes);
  if (!locals) co_return locals.error();
  IceAgentConfig result;
  result.local_addresses = *std::move(locals);
  result.tcp = config.ice_tcp;
  for (const IceServer& server : config.ice_servers) {
    const auto url = parse_ice_server_url(server.url);
    if (!url || url->turn) continue;  // relays_of() says what is wrong with it
    const auto stun = co_await locate(server.url, config.gather_timeout);
    if (!stun) continue;
    result.stun_address = stun->address;
    result.stun_port = stun->url.port;
    break;
  }
  result.relays = co_await relays_of(std::move(config.ice_servers), config.gather_timeout);
  co_return result;
}

asio::awaitable<std::vector<IceAgentConfig::Relay>> relays_of(std::vector<IceServer> servers, core::Duration limit) {
  std::vector<IceAgentConfig::Relay> relays;
  for (const IceServer& server : servers) {
    if (relays.size() >= kMaxRelays) break;
    if (const auto url = parse_ice_server_url(server.url); url && !url->turn) continue;
    const auto turn = co_await locate(server.url, limit);
    if (!turn) continue;
    const IceServer known = for_session_now(server);
    IceAgentConfig::Relay relay{turn->address, known.username, known.credential, turn->url.port, turn->url.tcp};
    if (turn->url.tls && !open_tunnel(relay, turn->url.host, co_await asio::this_coro::executor)) continue;
    relays.push_back(std::move(relay));
  }
  co_return relays;
}

}  // namespace partyline::rtp
