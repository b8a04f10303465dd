// The request target (RFC 9112 §3.2, RFC 3986): percent escapes, query, path segments. Total functions: a malformed
// escape is kept as it stands, because what strangers send must never throw. Thread: pure.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace partyline::core::http {

/// "%41" → "A"; a '%' without two hex digits behind it stays. `plus_is_space`: form encoding, in queries only.
std::string percent_decode(std::string_view text, bool plus_is_space = false);
/// Everything but RFC 3986's unreserved characters is escaped.
std::string percent_encode(std::string_view text);
/// "a=1&b=%32" → {a: 1, b: 2}; the first value of a name wins; at most 100 names are kept.
std::map<std::string, std::string> parse_query(std::string_view raw_query);

}  // namespace partyline::core::http
