// A STUN or TURN server, as configuration and Link headers name it (RFC 9725 §4.6), and the credentials of one session
// for a TURN server that shares a secret with us. Thread: pure functions.
#pragma once

#include <cstdint>
#include <string>

namespace partyline::rtp {

struct IceServer {
  std::string url;  ///< "stun:host:port", "turn:host:port?transport=udp|tcp", "turns:…"
  std::string username, credential;
  /// coturn's static-auth-secret: name and credential are made from it for each session, and `username` is what the
  /// server's log shows of it.
  std::string secret{};

  bool operator==(const IceServer&) const = default;
};

/// What one session is told of `server`: itself, or with a secret a name that says until when (seconds since 1970) and
/// its HMAC-SHA1 as credential (draft-uberti-behave-turn-rest-00 §2.2). The result holds no secret.
IceServer for_session(IceServer server, int64_t expires);

/// for_session() with an end a day from now: TURN refreshes an allocation with the credentials it was made with.
IceServer for_session_now(IceServer server);

}  // namespace partyline::rtp
