// The STUN of an ICE-lite agent: a binding request in, its answer out (RFC 8489, RFC 8445 §7.3). libnice's codec
// parses and writes; this file only says what is believed and answered.
//
//   valid check                 → success: XOR-MAPPED-ADDRESS, MESSAGE-INTEGRITY, FINGERPRINT
//   valid, unknown attribute    → 420
//   valid, ICE-CONTROLLED       → 487: a lite agent is always the controlled one
//   anything not proved         → silence, where RFC 8489 §9.1.3 allows 400 and 401: a stranger gets no reflector
//
// Thread: pure functions.
#pragma once

#include <array>
#include <boost/asio/ip/udp.hpp>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace partyline::rtp {

enum class StunVerdict {
  malformed,      ///< not STUN, broken, or without FINGERPRINT or credentials
  not_a_request,  ///< an indication (keepalive) or a response, or not Binding
  unknown_user,   ///< no session has this ufrag
  forged,         ///< MESSAGE-INTEGRITY does not fit
  refused,        ///< proved, but answered with an error
  accepted,
};

struct StunAnswer {
  StunVerdict verdict = StunVerdict::malformed;
  bool use_candidate = false;
  size_t size = 0;  ///< of the reply in `reply`; 0: silence
  std::array<uint8_t, 256> reply;
};

/// `password_of` gets our half of the USERNAME and returns that session's password, or nullptr.
StunAnswer answer_binding(std::span<const uint8_t> packet, const boost::asio::ip::udp::endpoint& from,
                          const std::function<const std::string*(std::string_view local_ufrag)>& password_of);

}  // namespace partyline::rtp
