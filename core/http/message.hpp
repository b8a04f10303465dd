// HTTP requests and responses as plain values; no Beast type leaves core/http.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/json/fwd.hpp>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.hpp"

namespace partyline::core::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// The first value of header `name` (case-insensitive).
std::optional<std::string_view> find_header(const Headers& headers, std::string_view name);

struct Request {
  std::string method;                         ///< upper case
  std::string target;                         ///< as received: path and query, not decoded
  std::string path;                           ///< decoded, no query
  std::string raw_query;                      ///< after '?', not decoded
  std::map<std::string, std::string> query;   ///< decoded; the first value wins
  std::map<std::string, std::string> params;  ///< from the route's {placeholders}, decoded
  Headers headers;
  std::string body;
  std::string remote_address;  ///< numeric, no port; behind a trusted proxy, whom that names
  bool remote_is_loopback = false;
  bool tls = false;

  std::optional<std::string_view> header(std::string_view name) const { return find_header(headers, name); }
};

/// Writes chunks of a response that does not end by itself (server-sent events).
class StreamWriter {
 public:
  virtual ~StreamWriter() = default;
  /// False once the client is gone.
  virtual boost::asio::awaitable<bool> write(std::string chunk) = 0;
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  /// When set, sent as chunked body after the headers; `body` is ignored. Ends the connection when it returns.
  std::function<boost::asio::awaitable<void>(StreamWriter&)> stream;
};

Response text(int status, std::string body);
Response json(int status, const boost::json::value& value);
/// application/problem+json (RFC 9457): `title` is the kind of error, `detail` says what to do about this one.
Response problem(int status, std::string_view title, std::string_view detail);
/// The status an Error maps to: invalid 400, unauthorized 401, forbidden 403, not_found 404, conflict 409, limit 429,
/// unsupported 422, timeout 504, unavailable 503 (with Retry-After), else 500.
Response problem(const Error& error);

}  // namespace partyline::core::http
