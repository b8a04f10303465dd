#include "core/http/trusted_proxies.hpp"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <optional>
#include <string_view>

#include "core/client_network.hpp"

namespace partyline::core::http {

namespace ip = boost::asio::ip;

namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// "192.0.2.1", "192.0.2.1:4711", "2001:db8::1", "[2001:db8::1]:4711"
std::optional<ip::address> address_of(std::string_view text) {
  if (text.starts_with('[')) {
    text.remove_prefix(1);
    text = text.substr(0, text.find(']'));
  } else if (std::ranges::count(text, ':') == 1) {
    text = text.substr(0, text.find(':'));
  }
  boost::system::error_code error;
  const auto address = ip::make_address(std::string(text), error);
  return error ? std::nullopt : std::optional(plain_address(address));
}

}  // namespace

Result<TrustedProxies> TrustedProxies::of(const std::vector<std::string>& networks) {
  TrustedProxies result;
  for (const std::string& text : networks) {
    const bool whole = text.find('/') == std::string::npos;
    boost::system::error_code error;
    if (text.find(':') == std::string::npos) {
      result.v4_.push_back(ip::make_network_v4(whole ? text + "/32" : text, error).canonical());
    } else {
      result.v6_.push_back(ip::make_network_v6(whole ? text + "/128" : text, error).canonical());
    }
    if (error) return make_error(ErrorCode::invalid, "'" + text + "' is no address or network such as 10.0.0.0/8");
  }
  return result;
}

bool TrustedProxies::contains(const ip::address& address) const {
  const ip::address known = plain_address(address);
  if (known.is_v4())
    return std::ranges::any_of(v4_, [&](const ip::network_v4& network) {
      return ip::network_v4(known.to_v4(), network.prefix_length()).canonical() == network;
    });
  return std::ranges::any_of(v6_, [&](const ip::network_v6& network) {
    return ip::network_v6(known.to_v6(), network.prefix_length()).canonical() == network;
  });
}

ip::address TrustedProxies::client(const ip::address& peer, const Headers& headers) const {
  ip::address client = plain_address(peer);
  for (size_t i = headers.size(); i-- > 0;) {
    if (!boost::beast::iequals(headers[i].first, "X-Forwarded-For")) continue;
    std::string_view rest = headers[i].second;
    while (!rest.empty() && contains(client)) {
      const size_t comma = rest.rfind(',');
      const auto told = address_of(trimmed(comma == std::string_view::npos ? rest : rest.substr(comma + 1)));
      if (!told) return client;
      client = *told;
      rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(0, comma);
    }
  }
  return client;
}

}  // namespace partyline::core::http
