#include "core/http/message.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "core/http/cors.hpp"

namespace partyline::core::http {
namespace {

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

struct Mapping {
  int status;
  std::string_view title;
};

Mapping mapping_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid:
      return {400, "Bad request"};
    case ErrorCode::unauthorized:
      return {401, "Unauthorized"};
    case ErrorCode::forbidden:
      return {403, "Forbidden"};
    case ErrorCode::not_found:
      return {404, "Not found"};
    case ErrorCode::conflict:
      return {409, "Conflict"};
    case ErrorCode::unsupported:
      return {422, "Unsupported"};
    case ErrorCode::limit:
      return {429, "Limit reached"};
    case ErrorCode::unavailable:
      return {503, "Unavailable"};
    case ErrorCode::timeout:
      return {504, "Timeout"};
    case ErrorCode::cancelled:
    case ErrorCode::io:
    case ErrorCode::internal:
      break;
  }
  return {500, "Internal error"};
}

}  // namespace

std::optional<std::string_view> find_header(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers)
    if (equal_ignoring_case(key, name)) return value;
  return std::nullopt;
}

Response text(int status, std::string body) {
  return {status, {{"Content-Type", "text/plain; charset=utf-8"}}, std::move(body), {}};
}

Response json(int status, const boost::json::value& value) {
  return {status, {{"Content-Type", "application/json"}}, boost::json::serialize(value), {}};
}

Response problem(int status, std::string_view title, std::string_view detail) {
  boost::json::object body{{"title", title}, {"status", status}};
  if (!detail.empty()) body["detail"] = detail;
  return {status, {{"Content-Type", "application/problem+json"}}, boost::json::serialize(body), {}};
}

Response problem(const Error& error) {
  const Mapping mapping = mapping_of(error.code);
  Response response = problem(mapping.status, mapping.title, error.message);
  if (mapping.status == 503) response.headers.emplace_back("Retry-After", "30");
  return response;
}

Response with_cors(Response response, std::string_view exposed_headers) {
  response.headers.emplace_back("Access-Control-Allow-Origin", "*");
  if (!exposed_headers.empty()) response.headers.emplace_back("Access-Control-Expose-Headers", exposed_headers);
  return response;
}

Response preflight(std::string_view methods, std::string_view headers) {
  Response response{204, {}, {}, {}};
  response.headers.emplace_back("Access-Control-Allow-Origin", "*");
  response.headers.emplace_back("Access-Control-Allow-Methods", methods);
  response.headers.emplace_back("Access-Control-Allow-Headers", headers);
  response.headers.emplace_back("Access-Control-Max-Age", "86400");
  return response;
}

}  // namespace partyline::core::http
