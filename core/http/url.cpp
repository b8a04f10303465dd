#include "core/http/url.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <vector>

namespace partyline::core::http {
namespace {

bool starts_with_ignoring_case(std::string_view text, std::string_view lower_prefix) {
  if (text.size() < lower_prefix.size()) return false;
  return std::ranges::equal(text.substr(0, lower_prefix.size()), lower_prefix, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

bool is_absolute(std::string_view text) {
  return starts_with_ignoring_case(text, "http://") || starts_with_ignoring_case(text, "https://");
}

// RFC 3986 §5.2.4, on the path only.
std::string remove_dot_segments(std::string_view path) {
  std::vector<std::string_view> kept;
  bool directory = true;
  for (size_t start = 1; start <= path.size();) {
    const size_t slash = std::min(path.find('/', start), path.size());
    const std::string_view segment = path.substr(start, slash - start);
    directory = segment == "." || segment == "..";
    if (segment == ".." && !kept.empty()) kept.pop_back();
    if (!directory) kept.push_back(segment);
    start = slash + 1;
  }
  std::string out;
  for (const auto segment : kept) out.append("/").append(segment);
  if (directory || out.empty()) out += '/';
  return out;
}

}  // namespace

std::string Url::authority() const {
  std::string out = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != (tls ? 443 : 80)) out += ":" + std::to_string(port);
  return out;
}

Result<Url> parse_url(std::string_view text) {
  const auto invalid = [](std::string_view what) {
    return make_error(ErrorCode::invalid, "not a usable URL: " + std::string(what));
  };
  if (text.size() > 8192) return invalid("longer than 8192 bytes");
  if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F; }))
    return invalid("space or control character in it");
  if (!is_absolute(text)) return invalid("it must begin with http:// or https://");
  Url url;
  url.tls = text[4] == 's' || text[4] == 'S';
  url.port = url.tls ? 443 : 80;
  text.remove_prefix(url.tls ? 8 : 7);
  text = text.substr(0, text.find('#'));
  const size_t path = std::min(text.find_first_of("/?"), text.size());
  std::string_view authority = text.substr(0, path);
  if (path < text.size()) url.target = (text[path] == '?' ? "/" : "") + std::string(text.substr(path));
  if (authority.find('@') != std::string_view::npos) return invalid("credentials belong into a header");
  size_t port_at = authority.rfind(':');
  if (!authority.empty() && authority.front() == '[') {
    const size_t bracket = authority.find(']');
    if (bracket == std::string_view::npos) return invalid("'[' without ']'");
    url.host = authority.substr(1, bracket - 1);
    port_at = bracket + 1 < authority.size() ? bracket + 1 : std::string_view::npos;
    if (port_at != std::string_view::npos && authority[port_at] != ':') return invalid("text behind ']'");
  } else {
    url.host = authority.substr(0, port_at);
  }
  if (url.host.empty()) return invalid("no host");
  if (port_at != std::string_view::npos && port_at + 1 < authority.size()) {
    const std::string_view digits = authority.substr(port_at + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), url.port);
    if (error != std::errc{} || end != digits.data() + digits.size() || url.port == 0) return invalid("bad port");
  }
  boost::system::error_code ec;
  boost::asio::ip::make_address(url.host, ec);
  url.host_is_address = !ec;
  return url;
}

Result<std::string> resolve_url(std::string_view base, std::string_view reference) {
  const auto parsed = parse_url(base);
  if (!parsed) return parsed.error();
  const std::string scheme = parsed->tls ? "https:" : "http:";
  const std::string origin = scheme + "//" + parsed->authority();
  std::string out;
  if (is_absolute(reference)) {
    out = reference;
  } else if (reference.starts_with("//")) {
    out = scheme + std::string(reference);
  } else if (reference.starts_with("/")) {
    out = origin + std::string(reference);
  } else {
    const std::string path = parsed->target.substr(0, parsed->target.find('?'));
    if (reference.empty()) {
      out = origin + parsed->target;
    } else if (reference.front() == '?') {
      out = origin + path + std::string(reference);
    } else {
      const size_t query = std::min(reference.find('?'), reference.size());
      const std::string merged = path.substr(0, path.rfind('/') + 1) + std::string(reference.substr(0, query));
      out = origin + remove_dot_segments(merged) + std::string(reference.substr(query));
    }
  }
  const auto checked = parse_url(out);
  if (!checked) return checked.error();
  return out;
}

}  // namespace partyline::core::http
