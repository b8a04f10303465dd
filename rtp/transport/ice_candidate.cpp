#include "rtp/transport/ice_candidate.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <vector>

#include "core/log.hpp"

namespace partyline::rtp {
namespace {

constexpr size_t kMaxLine = 512;   // bytes
constexpr size_t kMaxTokens = 48;  // words

core::Error invalid(std::string_view what, std::string_view text) {
  return core::make_error(core::ErrorCode::invalid, std::string(what) + " '" + core::printable(text) + "'");
}

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool equals(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> result;
  while (!text.empty() && result.size() < kMaxTokens) {
    const size_t end = std::min(text.find(' '), text.size());
    if (end > 0) result.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

std::optional<IceCandidate::Type> type_of(std::string_view word) {
  if (word == "host") return IceCandidate::Type::host;
  if (word == "srflx") return IceCandidate::Type::server_reflexive;
  if (word == "prflx") return IceCandidate::Type::peer_reflexive;
  if (word == "relay") return IceCandidate::Type::relayed;
  return std::nullopt;
}

bool is_ice_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '+' || c == '/';
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!equals(text.substr(0, prefix.size()), prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// The tcptype extension (RFC 6544 §4.5); without it nobody could connect.
std::optional<IceCandidate::Transport> tcp_type(const std::vector<std::string_view>& word) {
  for (size_t i = 8; i + 1 < word.size(); i += 2) {
    if (word[i] != "tcptype") continue;
    if (word[i + 1] == "active") return IceCandidate::Transport::tcp_active;
    if (word[i + 1] == "passive") return IceCandidate::Transport::tcp_passive;
    if (word[i + 1] == "so") return IceCandidate::Transport::tcp_simultaneous;
  }
  return std::nullopt;
}

}  // namespace

//  0          1         2         3        4       5    6   7    8…
//  foundation component transport priority address port typ type [name value]…
core::Result<IceCandidate> parse_candidate(std::string_view text) {
  if (text.size() > kMaxLine) return invalid("candidate too long", text);
  take_prefix(text, "a=");
  take_prefix(text, "candidate:");
  const auto word = words(text);
  if (word.size() < 8 || word[6] != "typ") return invalid("malformed candidate", text);
  IceCandidate candidate;
  if (word[0].size() > 32 || !std::all_of(word[0].begin(), word[0].end(), is_ice_char)) {
    return invalid("malformed candidate foundation", text);
  }
  candidate.foundation = word[0];
  const auto component = number<unsigned>(word[1]);
  const auto priority = number<uint32_t>(word[3]);
  const auto port = number<uint16_t>(word[5]);
  const auto type = type_of(word[7]);
  if (!component || *component < 1 || *component > 256 || !priority || !port || !type) {
    return invalid("malformed candidate", text);
  }
  candidate.component = *component;
  candidate.priority = *priority;
  candidate.port = *port;
  candidate.type = *type;
  if (equals(word[2], "tcp")) {
    const auto transport = tcp_type(word);
    if (!transport) return invalid("TCP candidate without tcptype", text);
    candidate.transport = *transport;
  } else if (!equals(word[2], "udp")) {
    return core::make_error(core::ErrorCode::unsupported, "candidate of transport '" + core::printable(word[2]) + "'");
  }
  boost::system::error_code ec;
  const auto address = boost::asio::ip::make_address(std::string(word[4]), ec);
  if (!ec) candidate.address = address;
  return candidate;
}

core::Result<IceServerUrl> parse_ice_server_url(std::string_view url) {
  const std::string_view whole = url;
  if (url.size() > kMaxLine) return invalid("ICE server URL too long", url);
  IceServerUrl result;
  if (take_prefix(url, "stuns:")) {
    return core::make_error(core::ErrorCode::unsupported, "no TLS to STUN servers: '" + core::printable(whole) + "'");
  }
  if (take_prefix(url, "turns:")) {
    constexpr uint16_t kTurns = 5349;  // RFC 7065 §3.2
    result.turn = result.tls = result.tcp = true;
    result.port = kTurns;
  } else if (take_prefix(url, "turn:")) {
    result.turn = true;
  } else if (!take_prefix(url, "stun:")) {
    return invalid("ICE server URL is neither stun: nor turn:", whole);
  }
  if (const size_t query = url.find('?'); query != std::string_view::npos) {
    const std::string_view parameters = url.substr(query + 1);
    url = url.substr(0, query);
    if (equals(parameters, "transport=tcp")) {
      result.tcp = true;
    } else if (result.tls && equals(parameters, "transport=udp")) {
      return core::make_error(core::ErrorCode::unsupported,
                              "no DTLS to TURN servers: '" + core::printable(whole) + "'");
    } else if (!equals(parameters, "transport=udp")) {
      return invalid("unknown parameter of ICE server URL", whole);
    }
  }
  std::string_view port;
  if (!url.empty() && url.front() == '[') {
    const size_t end = url.find(']');
    if (end == std::string_view::npos) return invalid("malformed ICE server URL", whole);
    result.host = url.substr(1, end - 1);
    port = url.substr(end + 1);
  } else {
    const size_t colon = std::min(url.find(':'), url.size());
    result.host = url.substr(0, colon);
    port = url.substr(colon);
  }
  if (result.host.empty()) return invalid("ICE server URL without a host", whole);
  if (port.empty()) return result;
  const auto value = port.front() == ':' ? number<uint16_t>(port.substr(1)) : std::nullopt;
  if (!value || *value == 0) return invalid("malformed port of ICE server URL", whole);
  result.port = *value;
  return result;
}

}  // namespace partyline::rtp
