#include "sfu/resource_rules.hpp"

#include <algorithm>

#include "core/http/cors.hpp"
#include "core/secret.hpp"
#include "rtp/transport/ice_fragment.hpp"

namespace partyline::sfu {
namespace {

using core::http::problem;
using core::http::Request;
using core::http::Response;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t' || text.front() == '\r')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

// If-Match: "a", "b"  (RFC 9110 §13.1.1, strong comparison)
bool lists_tag(std::string_view list, std::string_view etag) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    if (trimmed(list.substr(0, comma)) == etag) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

PatchVerdict judge_restart(const rtp::IceDescription& asked, std::string_view ufrag) {
  if (!has_ice_credentials(asked))
    return {problem(400, "Bad request", "an ICE restart needs a=ice-ufrag and a=ice-pwd"), {}};
  if (asked.ufrag == ufrag) return {problem(400, "Bad request", "an ICE restart needs another ufrag than before"), {}};
  return {{}, asked.ufrag};
}

}  // namespace

std::optional<Response> check_content_type(const Request& request, std::string_view type) {
  const std::string_view given = request.header("Content-Type").value_or("");
  if (equal_ignoring_case(trimmed(given.substr(0, given.find(';'))), type)) return std::nullopt;
  Response response = problem(415, "Unsupported media type", "the body must be " + std::string(type));
  response.headers.emplace_back(type == kSdpType ? "Accept-Post" : "Accept-Patch", type);
  return response;
}

std::optional<Response> check_token(const Request& request, std::string_view token) {
  if (token.empty()) return std::nullopt;
  constexpr std::string_view kScheme = "Bearer ";
  const std::string_view given = request.header("Authorization").value_or("");
  if (given.size() < kScheme.size() || !equal_ignoring_case(given.substr(0, kScheme.size()), kScheme)) {
    Response response = problem(401, "Unauthorized", "a Bearer token is needed in the Authorization header");
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
    return response;
  }
  if (core::same_secret(trimmed(given.substr(kScheme.size())), token)) return std::nullopt;
  return problem(403, "Forbidden", "the token is not the right one");
}

std::optional<Response> check_names(std::string_view app, std::string_view stream) {
  for (const std::string_view name : {app, stream}) {
    const bool bad = name.empty() || name.size() > 255 || std::ranges::any_of(name, [](char c) {
                       return static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '/';
                     });
    if (bad) return problem(400, "Bad request", "app and stream must be names of 1 to 255 bytes without slashes");
  }
  return std::nullopt;
}

PatchVerdict judge_patch(const Request& request, std::string_view etag, std::string_view ufrag) {
  if (auto refusal = check_content_type(request, rtp::kIceFragmentType)) return {*std::move(refusal), {}};
  const auto if_match = request.header("If-Match");
  if (!if_match) return {problem(428, "Precondition required", "If-Match must name the session's ETag"), {}};
  const auto asked = rtp::parse_ice_fragment(request.body);
  // RFC 9725's example has the star in quotes, which makes it an entity-tag to HTTP: no tag of ours is like that.
  if (trimmed(*if_match) == "*" || trimmed(*if_match) == "\"*\"") return judge_restart(asked, ufrag);
  if (!lists_tag(*if_match, etag))
    return {problem(412, "Precondition failed", "the session has another ETag (any more)"), {}};
  if (!asked.ufrag.empty() && asked.ufrag != ufrag)
    return {problem(422, "Another ICE session", "an ICE restart is asked for with If-Match: *"), {}};
  return {{204, {}, {}, {}}, {}};
}

Response session_problem(const core::Error& error) {
  if (error.code == core::ErrorCode::unsupported) return problem(406, "Not acceptable", error.message);
  if (error.code != core::ErrorCode::limit) return problem(error);
  Response response = problem(503, "Limit reached", error.message);
  response.headers.emplace_back("Retry-After", "5");
  return response;
}

Response with_session_cors(Response response) {
  return core::http::with_cors(std::move(response), "Location, ETag, Link, Accept-Patch, Accept-Post, Retry-After");
}

Response endpoint_options() {
  Response response = core::http::preflight("POST, OPTIONS", "Authorization, Content-Type, Accept, If-Match");
  response.headers.emplace_back("Accept-Post", kSdpType);
  return response;
}

Response session_options() {
  Response response = core::http::preflight("PATCH, DELETE, OPTIONS", "Authorization, Content-Type, Accept, If-Match");
  response.headers.emplace_back("Accept-Patch", rtp::kIceFragmentType);
  return response;
}

}  // namespace partyline::sfu
