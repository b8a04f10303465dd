// The HTTP rules of WHIP and WHEP (RFC 9725, draft-ietf-wish-whep) that need no state: media types, tokens,
// preconditions, what a PATCH is. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/http/message.hpp"

namespace partyline::sfu {

inline constexpr std::string_view kSdpType = "application/sdp";
inline constexpr std::string_view kFragmentType = "application/trickle-ice-sdpfrag";

/// Each returns the refusal, or nothing when all is well.
/// 415 unless Content-Type is `type` (parameters do not matter).
std::optional<core::http::Response> check_content_type(const core::http::Request& request, std::string_view type);
/// 401 without a Bearer token, 403 with a wrong one. An empty `token` is open to all.
std::optional<core::http::Response> check_token(const core::http::Request& request, std::string_view token);
/// 400 unless both names are 1…255 bytes of text without control characters and slashes.
std::optional<core::http::Response> check_names(std::string_view app, std::string_view stream);

/// A PATCH on a session with entity tag `etag` (quoted) and the peer's `ufrag`: 204 for trickled candidates (an
/// ICE-lite agent needs none), 428 without If-Match, 412 for another tag, 422 for an ICE restart (RFC 9725 §4.3).
core::http::Response answer_patch(const core::http::Request& request, std::string_view etag, std::string_view ufrag);

/// What an Error of session set-up means here: unsupported 406, limit 503 with Retry-After, otherwise as everywhere.
core::http::Response session_problem(const core::Error& error);

/// CORS for endpoints and sessions: what pages may send and read.
core::http::Response with_session_cors(core::http::Response response);
core::http::Response endpoint_options();
core::http::Response session_options();

}  // namespace partyline::sfu
