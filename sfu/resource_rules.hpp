// The HTTP rules of WHIP and WHEP (RFC 9725, draft-ietf-wish-whep) that need no state: media types, tokens,
// preconditions, what a PATCH is. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/http/message.hpp"

namespace partyline::sfu {

inline constexpr std::string_view kSdpType = "application/sdp";

/// Each returns the refusal, or nothing when all is well.
/// 415 unless Content-Type is `type` (parameters do not matter).
std::optional<core::http::Response> check_content_type(const core::http::Request& request, std::string_view type);
/// 401 without a Bearer token, 403 with a wrong one. An empty `token` is open to all.
std::optional<core::http::Response> check_token(const core::http::Request& request, std::string_view token);
/// 400 unless both names are 1…255 bytes of text without control characters and slashes.
std::optional<core::http::Response> check_names(std::string_view app, std::string_view stream);

/// A PATCH on a session with entity tag `etag` (quoted) and the peer's `ufrag` (RFC 9725 §4.3): what to answer, or the
/// peer's new ufrag when it restarts ICE (If-Match: *).
///
///   candidates trickled under the current tag   204: an ICE-lite agent needs none
///   without If-Match 428, another tag 412, a restart under a tag 422, one without proper credentials 400
struct PatchVerdict {
  core::http::Response response;
  std::string restart;  ///< empty: `response` is the answer
};
PatchVerdict judge_patch(const core::http::Request& request, std::string_view etag, std::string_view ufrag);

/// What an Error of session set-up means here: unsupported 406, limit 503 with Retry-After, otherwise as everywhere.
core::http::Response session_problem(const core::Error& error);

/// CORS for endpoints and sessions: what pages may send and read.
core::http::Response with_session_cors(core::http::Response response);
core::http::Response endpoint_options();
core::http::Response session_options();

}  // namespace partyline::sfu
