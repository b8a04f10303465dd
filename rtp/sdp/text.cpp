#include "rtp/sdp/text.hpp"

#include <algorithm>

namespace partyline::rtp::sdp::text {

namespace {
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
bool is_space(char c) {
  return c == ' ' || c == '\t';
}
}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string to_lower(std::string_view value) {
  std::string result(value);
  std::ranges::transform(result, result.begin(), lower);
  return result;
}

std::string_view trim(std::string_view value) {
  while (!value.empty() && is_space(value.front())) value.remove_prefix(1);
  while (!value.empty() && is_space(value.back())) value.remove_suffix(1);
  return value;
}

std::string_view next_word(std::string_view& rest) {
  rest = trim(rest);
  const size_t end = std::min(rest.find_first_of(" \t"), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest = trim(rest.substr(end));
  return word;
}

std::string_view next_field(std::string_view& rest, char separator) {
  const size_t end = rest.find(separator);
  const std::string_view field = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  return field;
}

std::optional<std::string_view> fmtp_parameter(std::string_view fmtp, std::string_view name) {
  while (!fmtp.empty()) {
    std::string_view value = next_field(fmtp, ';');
    const std::string_view key = trim(next_field(value, '='));
    if (equals_ignoring_case(key, name)) return trim(value);
  }
  return std::nullopt;
}

uint32_t fmtp_number(std::string_view fmtp, std::string_view name, uint32_t fallback) {
  const auto value = fmtp_parameter(fmtp, name);
  return value ? number<uint32_t>(*value).value_or(fallback) : fallback;
}

}  // namespace partyline::rtp::sdp::text
