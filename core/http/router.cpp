#include "core/http/router.hpp"

#include <optional>

#include "core/http/target.hpp"

namespace partyline::core::http {
namespace {

// "/a/b" → {a, b}; "/a/" → {a, ""}: a trailing slash is a segment of its own, so that patterns can tell it apart.
std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> segments;
  if (!path.empty() && path.front() == '/') path.remove_prefix(1);
  for (size_t start = 0; start <= path.size();) {
    const size_t slash = std::min(path.find('/', start), path.size());
    segments.emplace_back(path.substr(start, slash - start));
    start = slash + 1;
  }
  return segments;
}

bool is_placeholder(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

std::string join_from(const std::vector<std::string>& segments, size_t first) {
  std::string out;
  for (size_t i = first; i < segments.size(); ++i) out += (i > first ? "/" : "") + segments[i];
  return out;
}

std::optional<std::map<std::string, std::string>> match(const std::vector<std::string>& pattern,
                                                        const std::vector<std::string>& path) {
  std::map<std::string, std::string> params;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const std::string& want = pattern[i];
    if (is_placeholder(want) && want[want.size() - 2] == '*') {
      if (i >= path.size()) return std::nullopt;
      params[want.substr(1, want.size() - 3)] = percent_decode(join_from(path, i));
      return params;
    }
    if (i >= path.size()) return std::nullopt;
    if (is_placeholder(want)) {
      if (path[i].empty()) return std::nullopt;
      params[want.substr(1, want.size() - 2)] = percent_decode(path[i]);
    } else if (percent_decode(path[i]) != want) {
      return std::nullopt;
    }
  }
  if (path.size() != pattern.size()) return std::nullopt;
  return params;
}

}  // namespace

void Router::add(std::string method, std::string_view pattern, Handler handler) {
  routes_.push_back({std::move(method), split(pattern), std::move(handler)});
}

Router::Match Router::find(std::string_view method, std::string_view raw_path) const {
  const auto path = split(raw_path);
  Match found;
  std::optional<Match> from_get;
  for (const Route& route : routes_) {
    auto params = match(route.segments, path);
    if (!params) continue;
    if (route.method == "*" || route.method == method) {
      found.handler = &route.handler;
      found.params = std::move(*params);
      found.allowed.clear();
      return found;
    }
    found.allowed.insert(route.method);
    if (method == "HEAD" && route.method == "GET" && !from_get)
      from_get = Match{&route.handler, std::move(*params), true, {}};
  }
  if (from_get) return std::move(*from_get);
  if (found.allowed.contains("GET")) found.allowed.insert("HEAD");
  return found;
}

}  // namespace partyline::core::http
