// Texts of SIP headers made and read: quoting, escapes, small scanners. Pure; everything a stranger sends stays inside
// its quotes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace partyline::sip {

std::string_view trim(std::string_view text);
/// Compares without regard to ASCII case.
bool same_word(std::string_view a, std::string_view b);

/// "text" with \ and " escaped and control characters replaced (RFC 3261 §25.1 quoted-string).
std::string quoted(std::string_view text);
/// The contents of a quoted-string; a bare token comes back as it is.
std::string unquoted(std::string_view text);

/// %xx escapes for everything outside `unreserved` (RFC 3261 §25.1), so that any room name fits into a URI's user part.
std::string escape_user(std::string_view text);
/// Undoes escapes; nothing when the result would hold control characters (so "%00" cannot end a string early).
std::optional<std::string> unescape_user(std::string_view text);

/// Brackets around an IPv6 address.
std::string uri_host(std::string_view address);

/// 399 host "text" (RFC 3261 §20.43)
std::string warning_header(std::string_view host, std::string_view text);
/// SIP;cause=200;text="…" (RFC 3326)
std::string reason_header(int cause, std::string_view text);

/// The application/sdp part of a multipart body (RFC 2046 §5.1), or nothing. `content_type` names the boundary.
std::optional<std::string> sdp_of_multipart(std::string_view content_type, std::string_view body);

/// The standard phrase of a response, "Rejected" for unknown ones.
const char* standard_phrase(int status);

}  // namespace partyline::sip
