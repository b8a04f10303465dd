#include "gateway/ice_server_setting.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace partyline::gateway {
namespace {

using Mistake = std::optional<IceServerMistake>;

constexpr size_t kMostServers = 8;  // each costs every session a candidate or an allocation

bool has_scheme(std::string_view url, std::initializer_list<std::string_view> schemes) {
  return std::ranges::any_of(
      schemes, [&](std::string_view scheme) { return url.size() > scheme.size() && url.starts_with(scheme); });
}

// What must not reach a Link header's <…> as it stands.
bool is_plain(std::string_view url) {
  return std::ranges::all_of(url,
                             [](unsigned char c) { return c > ' ' && c < 127 && c != '<' && c != '>' && c != '"'; });
}

Mistake read_table(const toml::table& table, rtp::IceServer& server) {
  for (const auto& [key, value] : table) {
    const auto text = value.value_exact<std::string>();
    if (!text) return IceServerMistake{value.source(), fmt::format("'{}' must be a string", key.str())};
    if (key.str() == "url")
      server.url = *text;
    else if (key.str() == "username")
      server.username = *text;
    else if (key.str() == "credential")
      server.credential = *text;
    else if (key.str() == "secret")
      server.secret = *text;
    else
      return IceServerMistake{key.source(), fmt::format("unknown key '{}': an ICE server has url, username, credential "
                                                        "and secret",
                                                        key.str())};
  }
  return std::nullopt;
}

Mistake judge(const rtp::IceServer& server, const toml::source_region& where) {
  const auto wrong = [&](std::string what) { return IceServerMistake{where, std::move(what)}; };
  if (!has_scheme(server.url, {"stun:", "stuns:", "turn:", "turns:"}) || !is_plain(server.url))
    return wrong("an ICE server's url is \"stun:HOST:PORT\" or \"turn:HOST:PORT?transport=udp\" (or tcp)");
  const bool credentials = !server.username.empty() && !server.credential.empty();
  if (has_scheme(server.url, {"turn:", "turns:"}) && !credentials && server.secret.empty())
    return wrong("a TURN server needs username and credential, or secret");
  if (!server.credential.empty() && !server.secret.empty())
    return wrong("a TURN server has a credential or a secret, not both");
  return std::nullopt;
}

}  // namespace

Mistake read_ice_servers(const toml::node& node, std::vector<rtp::IceServer>& servers) {
  const auto* array = node.as_array();
  if (!array) return IceServerMistake{node.source(), "'ice_servers' must be a list of URLs or tables"};
  servers.clear();
  for (const auto& element : *array) {
    rtp::IceServer server;
    if (const auto url = element.value_exact<std::string>()) {
      server.url = *url;
    } else if (const auto* table = element.as_table()) {
      if (auto mistake = read_table(*table, server)) return mistake;
    } else {
      return IceServerMistake{element.source(), "'ice_servers' must hold URLs or tables"};
    }
    if (auto mistake = judge(server, element.source())) return mistake;
    servers.push_back(std::move(server));
  }
  if (servers.size() > kMostServers)
    return IceServerMistake{node.source(), fmt::format("'ice_servers' holds at most {}", kMostServers)};
  return std::nullopt;
}

}  // namespace partyline::gateway
