#include "whip_client/resource_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <utility>

#include "core/log.hpp"
#include "rtp/transport/ice_fragment.hpp"
#include "whip_client/link_header.hpp"

namespace partyline::whip_client {

namespace {

using core::ErrorCode;
using core::http::Response;
using namespace std::chrono_literals;

constexpr core::Duration longest_retry_after = 60s;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

bool starts_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && equal_ignoring_case(text.substr(0, prefix.size()), prefix);
}

/// Views into an http(s) URL: "http" "127.0.0.1:1985" "/rtc/v1/whip/" "?app=live".
struct Url {
  bool secure = false;
  std::string_view scheme, authority, path, query;

  std::string origin() const { return fmt::format("{}://{}", scheme, authority); }
};

std::optional<Url> split(std::string_view text) {
  Url url;
  const bool plain = starts_ignoring_case(text, "http://");
  url.secure = starts_ignoring_case(text, "https://");
  if (!plain && !url.secure) return std::nullopt;
  url.scheme = text.substr(0, plain ? 4 : 5);
  text.remove_prefix(url.scheme.size() + 3);
  text = text.substr(0, text.find('#'));
  const size_t end = std::min(text.find_first_of("/?"), text.size());
  url.authority = text.substr(0, end);
  if (url.authority.empty()) return std::nullopt;
  text.remove_prefix(end);
  const size_t question = std::min(text.find('?'), text.size());
  url.path = text.substr(0, question);
  url.query = text.substr(question);
  return url;
}

/// Host and port of an authority, without user information and brackets.
std::pair<std::string_view, std::string_view> host_and_port(const Url& url) {
  std::string_view authority = url.authority.substr(url.authority.rfind('@') + 1);  // npos + 1 == 0
  std::string_view port = url.secure ? "443" : "80";
  size_t search_from = 0;
  if (authority.starts_with('[')) search_from = std::min(authority.find(']'), authority.size());
  const size_t colon = authority.find(':', search_from);
  if (colon != std::string_view::npos) {
    if (colon + 1 < authority.size()) port = authority.substr(colon + 1);
    authority = authority.substr(0, colon);
  }
  if (authority.starts_with('[') && authority.ends_with(']')) authority = authority.substr(1, authority.size() - 2);
  return {authority, port};
}

/// A relative path against the base's folder; only leading dot segments mean something.
std::string merge(std::string_view base_path, std::string_view reference) {
  std::string_view folder = base_path.substr(0, base_path.rfind('/') + 1);
  while (true) {
    if (reference.starts_with("./")) {
      reference.remove_prefix(2);
    } else if (reference.starts_with("../")) {
      reference.remove_prefix(3);
      if (folder.size() > 1) {
        folder.remove_suffix(1);
        folder = folder.substr(0, folder.rfind('/') + 1);
      }
    } else {
      break;
    }
  }
  return fmt::format("{}{}", folder.empty() ? "/" : folder, reference);
}

bool is_sendable(std::string_view url) {
  return std::ranges::all_of(url, [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; });
}

std::optional<core::Duration> retry_after(const Response& response) {
  const auto value = core::http::find_header(response.headers, "Retry-After");
  if (!value) return std::nullopt;
  int seconds = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), seconds);
  if (error != std::errc{} || seconds < 0) return std::nullopt;  // the date form: our own back-off will do
  return std::min<core::Duration>(std::chrono::seconds(seconds), longest_retry_after);
}

/// The first line of an error body that is meant for people, if any.
std::string words_of(const Response& response) {
  std::string_view body = response.body;
  if (body.empty() || body.front() == '<') return {};
  return core::printable(body.substr(0, body.find_first_of("\r\n")));
}

}  // namespace

std::optional<std::string> resolve(std::string_view base, std::string_view reference) {
  reference = reference.substr(0, reference.find('#'));
  const auto url = split(base);
  if (!url || !is_sendable(reference)) return std::nullopt;
  if (split(reference)) return std::string(reference);
  if (reference.starts_with("//")) {
    std::string absolute = fmt::format("{}:{}", url->scheme, reference);
    return split(absolute) ? std::optional(std::move(absolute)) : std::nullopt;
  }
  if (reference.starts_with('/')) return url->origin() + std::string(reference);
  if (reference.empty()) return fmt::format("{}{}{}", url->origin(), url->path, url->query);
  if (reference.starts_with('?')) return fmt::format("{}{}{}", url->origin(), url->path, reference);
  return url->origin() + merge(url->path, reference);
}

bool same_origin(std::string_view a, std::string_view b) {
  const auto first = split(a), second = split(b);
  if (!first || !second || first->secure != second->secure) return false;
  const auto [host_a, port_a] = host_and_port(*first);
  const auto [host_b, port_b] = host_and_port(*second);
  return equal_ignoring_case(host_a, host_b) && port_a == port_b;
}

std::string host_of(std::string_view text) {
  const auto url = split(text);
  return url ? std::string(host_and_port(*url).first) : std::string();
}

bool is_this_machine(std::string_view host) {
  if (equal_ignoring_case(host, "localhost")) return true;
  boost::system::error_code ec;
  const auto address = boost::asio::ip::make_address(std::string(host), ec);
  return !ec && address.is_loopback();
}

std::optional<core::Result<std::string>> redirect_target(std::string_view url, const Response& response,
                                                         int redirects_so_far) {
  const int status = response.status;
  if (status != 301 && status != 302 && status != 307 && status != 308) return std::nullopt;
  const auto refuse = [](std::string why) {
    return core::Result<std::string>(core::make_error(ErrorCode::invalid, std::move(why)));
  };
  if (redirects_so_far >= kMaxRedirects) return refuse("the server redirects in circles");
  const auto location = core::http::find_header(response.headers, "Location");
  if (!location) return refuse("a redirect without Location");
  auto target = resolve(url, *location);
  if (!target) return refuse(fmt::format("a redirect to \"{}\"", core::printable(*location)));
  if (starts_ignoring_case(url, "https://") && !starts_ignoring_case(*target, "https://")) {
    return refuse("a redirect from https to http");
  }
  return core::Result<std::string>(std::move(*target));
}

std::vector<rtp::IceServer> ice_servers_of(const core::http::Headers& headers) {
  std::vector<rtp::IceServer> servers;
  for (const auto& [name, value] : headers) {
    if (!equal_ignoring_case(name, "Link")) continue;
    for (Link& link : parse_link_header(value)) {
      const bool usable = starts_ignoring_case(link.target, "stun:") || starts_ignoring_case(link.target, "turn:") ||
                          starts_ignoring_case(link.target, "turns:");
      if (!usable || !equal_ignoring_case(link.parameter("rel"), "ice-server")) continue;
      if (servers.size() >= kMaxIceServers) return servers;
      std::string username(link.parameter("username")), credential(link.parameter("credential"));
      servers.push_back({std::move(link.target), std::move(username), std::move(credential)});
    }
  }
  return servers;
}

namespace {

/// Of these a server says, or its proxy, that the same request may succeed later (RFC 9110 §15.5, §15.6).
bool is_temporary(int status) {
  constexpr std::array<int, 7> kTemporary = {408, 425, 429, 500, 502, 503, 504};
  return std::ranges::find(kTemporary, status) != kTemporary.end();
}

}  // namespace

Refusal refusal_of(const Response& response, bool publishing) {
  const std::string words = words_of(response);
  const auto say = [&](RefusalKind kind, std::string_view meaning) {
    std::string why = fmt::format("{} (status {}", meaning, response.status);
    why += words.empty() ? ")" : fmt::format(": {})", words);
    return Refusal{kind, std::move(why), retry_after(response)};
  };
  if (is_temporary(response.status)) return say(RefusalKind::unavailable, "the server cannot take us now");
  switch (response.status) {
    case 401:
    case 403:
      return say(RefusalKind::denied, "the server does not accept our credentials");
    case 404:
      return publishing ? say(RefusalKind::unfit, "the server knows no such endpoint")
                        : say(RefusalKind::not_yet, "nobody publishes there yet");
    case 409:
      return publishing ? say(RefusalKind::busy, "somebody publishes under this name already")
                        : say(RefusalKind::not_yet, "nobody publishes there yet");
    case 400:
    case 405:
    case 406:
    case 415:
    case 422:
      return say(RefusalKind::unfit, "the server does not take our offer");
    default:
      return say(response.status >= 400 ? RefusalKind::unfit : RefusalKind::broken,
                 "the server did not create a resource");
  }
}

std::variant<rtp::IceDescription, Refusal> restart_answer(const Response& response) {
  const auto refuse = [&](RefusalKind kind, std::string_view meaning) {
    return Refusal{kind, fmt::format("{} (status {})", meaning, response.status), std::nullopt};
  };
  if (response.status == 200) {
    auto theirs = rtp::parse_ice_fragment(response.body);
    if (!has_ice_credentials(theirs)) return refuse(RefusalKind::broken, "an ICE restart without credentials");
    return theirs;
  }
  if (is_temporary(response.status)) return refuse(RefusalKind::unavailable, "the server cannot restart ICE now");
  switch (response.status) {
    case 404:
    case 410:
      return refuse(RefusalKind::not_yet, "the server has let go of the session");
    default:
      return refuse(RefusalKind::unfit, "the server does not restart ICE");
  }
}

Refusal refusal_of(const core::Error& error, bool publishing) {
  switch (error.code) {
    case ErrorCode::invalid:
    case ErrorCode::unsupported:
      return {RefusalKind::broken, error.message, std::nullopt};
    case ErrorCode::unavailable:
      // core::http::fetch has no code of its own for this; the test with a real socket holds the words together.
      if (publishing && error.message.ends_with("without an answer")) {
        return {RefusalKind::busy, error.message + " (SRS does so for a busy name)", std::nullopt};
      }
      return {RefusalKind::unavailable, error.message, std::nullopt};
    default:
      return {RefusalKind::unavailable, error.message, std::nullopt};
  }
}

}  // namespace partyline::whip_client
