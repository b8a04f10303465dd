// The SDP fragment of trickle ICE (RFC 8840 §9), as WHIP and WHEP restart ICE with it (RFC 9725 §4.3.3): one side's
// credentials and candidates for one section, and so for all of a BUNDLE.
//
//   a=ice-lite                                  where the writer is a lite agent
//   a=ice-options:ice2
//   m=audio 9 UDP/TLS/RTP/SAVPF 0
//   a=mid:0
//   a=ice-ufrag:…  a=ice-pwd:…  a=candidate:…   a=end-of-candidates
//
// Thread: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "rtp/transport/transport.hpp"

namespace partyline::rtp {

inline constexpr std::string_view kIceFragmentType = "application/trickle-ice-sdpfrag";
inline constexpr size_t kMaxFragmentCandidates = 64;

/// `kind` and `mid` (empty: none written) name the section.
std::string write_ice_fragment(const IceDescription& local, std::string_view kind, std::string_view mid);

/// The first ufrag and password and all candidates, wherever they stand; what is missing is empty. Nothing is checked
/// but their number.
IceDescription parse_ice_fragment(std::string_view text);

/// RFC 8839 §5.4: 4 to 256 and 22 to 256 characters of ALPHA, DIGIT, "+" and "/".
bool has_ice_credentials(const IceDescription& description);

}  // namespace partyline::rtp
