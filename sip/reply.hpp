// Responses and the facts read off a message: the thin layer between our values and Sofia's tag lists. SIP thread only.
#pragma once

#include <optional>
#include <string>

#include "core/result.hpp"
#include "sip/session_timer.hpp"
#include "sip/sofia.hpp"

namespace partyline::sip {

inline constexpr const char* kAllow = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK";
inline constexpr const char* kSupported = "timer, 100rel";

/// Everything a response of ours may carry besides what Sofia adds itself. Empty: absent.
struct Reply {
  int status = 200;
  std::string phrase;
  std::string contact;
  std::string sdp;
  std::string warning;  ///< whole value
  std::string accept;   ///< Accept header
  std::string unsupported;
  std::string session_expires;
  std::string min_se;
  std::string reason;
  bool require_timer = false;
  int retry_after_seconds = 0;
  std::string server;  ///< our product name
};

/// False when Sofia could not build or send it.
bool send_reply(nta_incoming_t* request, const Reply& reply);
/// The same, reliably (RFC 3262), for 1xx to an INVITE.
nta_reliable_t* send_reliable_reply(nta_incoming_t* request, const Reply& reply, nta_prack_f* callback,
                                    nta_reliable_magic_t* magic);

std::string text_of(const char* text);
std::string body_of(const sip_t& sip);
std::string content_type_of(const sip_t& sip);
/// The offer or answer in a message: the body if it is SDP, the SDP part of a multipart body, empty when there is no
/// body; `unsupported` for any other type.
core::Result<std::string> sdp_of(const sip_t& sip);
std::optional<SessionExpires> session_expires_of(const sip_t& sip);
bool supports_timer(const sip_t& sip);
bool allows_update(const sip_t& sip);
bool over_tcp(const sip_t& sip);
/// Numeric address that the request came from.
std::string source_address(nta_incoming_t* request);
/// "sip:user@host"
std::string plain_uri(const url_t& url);
/// text of a Reason header, else empty
std::string reason_of(const sip_t& sip);

/// Numeric address of ours from which packets to `remote` (numeric) leave; empty when there is no route.
std::string route_source(const std::string& remote);
/// Whether `address` is a numeric address of this machine.
bool is_local_address(const std::string& address);
/// A port of `address` that was free for UDP and TCP a moment ago; 0: none.
uint16_t free_port(const std::string& address);

}  // namespace partyline::sip
