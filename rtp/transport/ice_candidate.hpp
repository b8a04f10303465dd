// ICE words of the other side, parsed within bounds: a=candidate values (RFC 8839 §5.1, RFC 6544 §4.5) and the URLs of
// STUN and TURN servers (RFC 7064, RFC 7065). Thread: pure functions.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace partyline::rtp {

struct IceCandidate {
  enum class Transport { udp, tcp_active, tcp_passive, tcp_simultaneous };
  enum class Type { host, server_reflexive, peer_reflexive, relayed };

  std::string foundation;
  unsigned component = 1;
  Transport transport = Transport::udp;
  uint32_t priority = 0;
  /// Nothing: a host name. Names of mDNS (".local") and others are deliberately not resolved: such a peer is found by
  /// its own checks.
  std::optional<boost::asio::ip::address> address;
  uint16_t port = 0;
  Type type = Type::host;
};

/// `text` with or without "candidate:" in front. Unknown extensions are skipped; `unsupported` for transports other
/// than UDP and TCP.
core::Result<IceCandidate> parse_candidate(std::string_view text);

struct IceServerUrl {
  bool turn = false;
  bool tcp = false;
  bool tls = false;  ///< with tcp
  std::string host;
  uint16_t port = 3478;
};

/// "stun:host:port", "turn:host:port?transport=udp|tcp", "turns:host:port" (TLS over TCP); `unsupported` for stuns and
/// for DTLS.
core::Result<IceServerUrl> parse_ice_server_url(std::string_view url);

}  // namespace partyline::rtp
