// http and https URLs as the client needs them. The target is kept byte for byte (real servers put raw ':' and '+' into
// Location). Deliberately not done: user:password@, IDNA, normalisation. Thread: pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace partyline::core::http {

struct Url {
  bool tls = false;
  std::string host;  ///< no brackets
  bool host_is_address = false;
  uint16_t port = 80;
  std::string target = "/";  ///< path and query; a fragment is cut off

  /// For Host: brackets around IPv6, the port only where it is not the scheme's own.
  std::string authority() const;
};

/// `invalid` with words for anything else than an absolute http(s) URL without spaces and control characters.
Result<Url> parse_url(std::string_view text);

/// What `reference` (a Location header) means against `base` (RFC 3986 §5.2, for absolute URLs, "//host/…", "/path",
/// "?query" and relative paths), escapes untouched.
Result<std::string> resolve_url(std::string_view base, std::string_view reference);

}  // namespace partyline::core::http
