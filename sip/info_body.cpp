#include "sip/info_body.hpp"

#include <optional>

#include "sip/header_text.hpp"

namespace partyline::sip {
namespace {

// Some phones send RFC 4733 event numbers instead of characters: 10 is *, 11 is #, 12-15 are A-D.
std::optional<char> digit_of(std::string_view text) {
  static constexpr std::string_view kEvents = "0123456789*#ABCD";
  if (text.size() == 1) {
    char c = text.front();
    if (c >= 'a' && c <= 'd') c = static_cast<char>(c - 'a' + 'A');
    if (kEvents.find(c) != std::string_view::npos) return c;
  }
  if (text.size() == 2 && text[0] == '1' && text[1] >= '0' && text[1] <= '5')
    return kEvents[10 + static_cast<size_t>(text[1] - '0')];
  return std::nullopt;
}

InfoRequest relay_digit(std::string_view body) {
  while (!body.empty()) {
    const size_t end = body.find_first_of("\r\n");
    const std::string_view line = body.substr(0, end);
    body = end == std::string_view::npos ? std::string_view{} : body.substr(end + 1);
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos || !same_word(trim(line.substr(0, equals)), "signal")) continue;
    if (const auto digit = digit_of(trim(line.substr(equals + 1)))) return InfoDigit{*digit};
    return InfoBad{};
  }
  return InfoBad{};
}

}  // namespace

InfoRequest parse_info(std::string_view content_type, std::string_view body) {
  const std::string_view type = trim(content_type.substr(0, content_type.find(';')));
  if (same_word(type, "application/dtmf-relay")) return relay_digit(body);
  if (same_word(type, "application/dtmf")) {
    // A few phones put the dtmf-relay lines under this type.
    if (body.find('=') != std::string_view::npos) return relay_digit(body);
    if (const auto digit = digit_of(trim(body))) return InfoDigit{*digit};
    return InfoBad{};
  }
  if (same_word(type, "application/media_control+xml")) {
    if (body.find("picture_fast_update") != std::string_view::npos) return InfoKeyframeRequest{};
    return InfoIgnored{};
  }
  if (type.empty() && trim(body).empty()) return InfoIgnored{};  // a bare INFO is a keep-alive
  return InfoUnknown{};
}

}  // namespace partyline::sip
