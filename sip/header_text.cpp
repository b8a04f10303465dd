#include "sip/header_text.hpp"

#include <sofia-sip/sip_status.h>

#include <algorithm>
#include <cctype>

namespace partyline::sip {
namespace {

constexpr size_t kMaxParts = 32;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

std::string boundary_of(std::string_view content_type) {
  size_t at = 0;
  while ((at = content_type.find(';', at)) != std::string_view::npos) {
    const std::string_view rest = trim(content_type.substr(++at));
    if (rest.size() < 9 || !same_word(rest.substr(0, 9), "boundary=")) continue;
    const std::string_view value = rest.substr(9);
    if (!value.empty() && value.front() == '"') return unquoted(value.substr(0, value.find('"', 1) + 1));
    return std::string(trim(value.substr(0, value.find(';'))));
  }
  return {};
}

bool is_sdp_part(std::string_view headers) {
  while (!headers.empty()) {
    const size_t end = headers.find('\n');
    const std::string_view line = trim(headers.substr(0, end));
    headers = end == std::string_view::npos ? std::string_view{} : headers.substr(end + 1);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = trim(line.substr(0, colon));
    if (!same_word(name, "content-type") && !same_word(name, "c")) continue;
    const std::string_view value = line.substr(colon + 1);
    return same_word(trim(value.substr(0, value.find(';'))), "application/sdp");
  }
  return false;
}

}  // namespace

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, 200)) {
    if (c == '"' || c == '\\') out += '\\';
    out += is_control(c) ? ' ' : c;
  }
  return out + '"';
}

std::string unquoted(std::string_view text) {
  text = trim(text);
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::string(text);
  std::string out;
  for (size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] == '\\' && i + 2 < text.size()) ++i;
    out += is_control(text[i]) ? ' ' : text[i];
  }
  return out;
}

std::string escape_user(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || std::string_view("-_.!~*'()").find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

std::optional<std::string> unescape_user(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0) {
      c = static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    }
    if (is_control(c)) return std::nullopt;
    out += c;
  }
  return out;
}

std::string uri_host(std::string_view address) {
  if (address.find(':') != std::string_view::npos && address.front() != '[') return "[" + std::string(address) + "]";
  return std::string(address);
}

std::string warning_header(std::string_view host, std::string_view text) {
  return "399 " + (host.empty() ? std::string("partyline") : uri_host(host)) + " " + quoted(text);
}

std::string reason_header(int cause, std::string_view text) {
  std::string out = "SIP;cause=" + std::to_string(cause);
  if (!text.empty()) out += ";text=" + quoted(text);
  return out;
}

std::optional<std::string> sdp_of_multipart(std::string_view content_type, std::string_view body) {
  const std::string boundary = boundary_of(content_type);
  if (boundary.empty() || boundary.size() > 70) return std::nullopt;
  const std::string delimiter = "--" + boundary;
  size_t at = body.find(delimiter);
  for (size_t part = 0; part < kMaxParts && at != std::string_view::npos; ++part) {
    const size_t begin = body.find('\n', at + delimiter.size());
    if (begin == std::string_view::npos) break;
    const size_t end = body.find("\n" + delimiter, begin);
    const std::string_view text = body.substr(begin + 1, end == std::string_view::npos ? end : end - begin - 1);
    size_t split = text.find("\r\n\r\n");
    size_t gap = 4;
    if (const size_t bare = text.find("\n\n"); bare < split) split = bare, gap = 2;
    if (split != std::string_view::npos && is_sdp_part(text.substr(0, split))) {
      std::string sdp(text.substr(split + gap));
      if (!sdp.empty() && sdp.back() == '\r') sdp.pop_back();  // the CRLF before the delimiter belongs to it
      if (!sdp.empty() && sdp.back() != '\n') sdp += "\r\n";
      return sdp;
    }
    at = end == std::string_view::npos ? end : end + 1;
  }
  return std::nullopt;
}

const char* standard_phrase(int status) {
  const char* phrase = sip_status_phrase(status);
  return phrase && *phrase ? phrase : "Rejected";
}

}  // namespace partyline::sip
