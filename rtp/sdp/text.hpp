// Small words over SDP's text, shared by the parser and the negotiation; not for others. Thread: pure functions.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace partyline::rtp::sdp::text {

/// ASCII only: SDP's tokens are ASCII whatever the locale (RFC 8866 §9).
bool equals_ignoring_case(std::string_view a, std::string_view b);
std::string to_lower(std::string_view value);
std::string_view trim(std::string_view value);
/// Cuts the first word (up to a space) off `rest`; empty when nothing is left.
std::string_view next_word(std::string_view& rest);
/// Cuts everything up to the first `separator` off `rest` (all of it when there is none).
std::string_view next_field(std::string_view& rest, char separator);

/// The whole of `value` as a number within T's range.
template <class T>
std::optional<T> number(std::string_view value, int base = 10) {
  T result{};
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result, base);
  if (error != std::errc{} || end != value.data() + value.size()) return std::nullopt;
  return result;
}

/// The value of `name` in an fmtp like "a=1; b=2" (names compare case-insensitively, RFC 6838 §4.3).
std::optional<std::string_view> fmtp_parameter(std::string_view fmtp, std::string_view name);
/// The same as a number, or `fallback` when absent or not one.
uint32_t fmtp_number(std::string_view fmtp, std::string_view name, uint32_t fallback);

}  // namespace partyline::rtp::sdp::text
