// One HTTP(S) request, as a coroutine. TLS is verified by default. No redirects are followed: the WHIP rules decide
// (method, body and credentials must survive them in their own way). No connection is reused (SRS closes each one).
//
// Thread: the awaiting coroutine's executor.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <string>

#include "core/http/message.hpp"
#include "core/result.hpp"

namespace partyline::core::http {

struct ClientRequest {
  std::string method = "GET";
  std::string url;  ///< http:// or https://; sent as it stands, nothing is re-encoded
  Headers headers;
  std::string body;
  std::chrono::milliseconds timeout{10000};  ///< for the whole exchange
  size_t max_body_bytes = 1024 * 1024;
  bool verify_tls = true;
  std::string ca_file;  ///< PEM; empty: the system's
};

/// The response whatever its status, or an error: invalid (the URL), unavailable (refused, reset, no such host, closed
/// before a status line: "empty reply"), timeout, limit (body), io (TLS, cut off).
boost::asio::awaitable<Result<Response>> fetch(ClientRequest request);

}  // namespace partyline::core::http
