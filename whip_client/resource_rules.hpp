// The HTTP rules of WHIP and WHEP resources (RFC 9725 §4, draft-ietf-wish-whep) and the dialects of real servers, as
// pure functions: where a redirect leads and what may go with it, where a resource lives, which ICE servers a response
// names, and what a refusal means for the next attempt.
//
// URLs are handled as text, never decoded or re-encoded: SRS names sessions "…&session=ab:+c/d" and finds them again
// only byte for byte. Thread: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/http/message.hpp"
#include "core/result.hpp"
#include "core/time.hpp"
#include "rtp/transport/nice_transport.hpp"

namespace partyline::whip_client {

constexpr int kMaxRedirects = 5;
constexpr size_t kMaxIceServers = 8;

/// RFC 3986 §5.2 for http(s): `reference` seen from `base`, without normalising anything but leading "./" and "../" of
/// a relative path. Nothing when `base` is no http(s) URL or the result would hold control characters or spaces.
std::optional<std::string> resolve(std::string_view base, std::string_view reference);

/// Same scheme, host and port (RFC 6454); the default ports are what an absent one means.
bool same_origin(std::string_view a, std::string_view b);

/// The host of `url` without port and brackets; empty when it is no URL.
std::string host_of(std::string_view url);

/// True for "localhost" and loopback addresses: no firewall, no NAT, no relay is in between.
bool is_this_machine(std::string_view host);

/// Where a redirected request goes: 307 and 308 by RFC 9725 §4.5, 301 and 302 too (SRS answers 302 to a missing
/// slash), always with method and body kept. An error for a redirect that must not be followed (no Location, https to
/// http, one too many). Nothing when `response` is no redirect.
std::optional<core::Result<std::string>> redirect_target(std::string_view url, const core::http::Response& response,
                                                         int redirects_so_far);

/// The ICE servers of all Link headers with rel="ice-server" (RFC 9725 §4.6, RFC 8288). Others are ignored.
std::vector<rtp::IceServer> ice_servers_of(const core::http::Headers& headers);

enum class RefusalKind {
  not_yet,      ///< nothing to play there so far
  busy,         ///< the name is taken, perhaps by our own last session
  denied,       ///< credentials are missing or wrong
  unfit,        ///< the server does not take such an offer
  unavailable,  ///< away, overloaded, restarting
  broken,       ///< it answers, but not by the rules
};

struct Refusal {
  RefusalKind kind = RefusalKind::unavailable;
  std::string why;                            ///< in words, for people
  std::optional<core::Duration> retry_after;  ///< what the server asked for, at most a minute
};

/// What a response that is not 201 means.
Refusal refusal_of(const core::http::Response& response, bool publishing);
/// What it means that there was no response at all. A connection closed before a status line is how SRS before 7.0.121
/// says no, whatever the reason: mostly a busy name.
Refusal refusal_of(const core::Error& error, bool publishing);

/// What the answer to a PATCH that restarts ICE means (RFC 9725 §4.3.3): the server's new half, or why there is none.
/// `unavailable`: another try may do better; all else: only a new resource helps.
std::variant<rtp::IceDescription, Refusal> restart_answer(const core::http::Response& response);

}  // namespace partyline::whip_client
