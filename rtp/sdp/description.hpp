// The SDP model (RFC 8866): what we understand as fields, everything else kept as attributes. One tree, parsed and
// written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"
#include "rtp/transport/transport.hpp"

namespace partyline::rtp::sdp {

enum class Direction { sendrecv, sendonly, recvonly, inactive };
/// The same direction seen from the other side.
Direction reversed(Direction direction);

/// a=rtpmap with its a=fmtp and a=rtcp-fb. Static payload types (RFC 3551 table 4) without rtpmap are filled in by the
/// parser.
struct Format {
  uint8_t payload_type = 0;
  std::string encoding;  ///< as written; compare case-insensitively
  uint32_t clock_rate = 0;
  uint8_t channels = 1;
  std::string fmtp;  ///< "a=1;b=2", empty when absent
  std::vector<std::string>
      feedback;  ///< "nack", "nack pli", "ccm fir", "transport-cc", … ("*" lines are copied to each format)
};

struct Extension {
  uint8_t id = 0;
  std::string uri;
};

struct SsrcAttribute {
  uint32_t ssrc = 0;
  std::string attribute;  ///< "cname:x", "msid:a b"
};

struct Media {
  std::string kind;                           ///< "audio", "video", "application", "image", …
  uint16_t port = 0;                          ///< 0: refused or disabled
  std::string protocol;                       ///< "RTP/AVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVPF", …
  std::vector<Format> formats;                ///< RTP protocols only, in order of preference
  std::vector<std::string> raw_formats;       ///< the fmt list as written
  std::string connection;                     ///< the section's c= address, else the session's; empty when neither
  Direction direction = Direction::sendrecv;  ///< the section's, else the session's
  std::string mid;
  bool rtcp_mux = false;
  bool rtcp_reduced_size = false;
  std::optional<uint16_t> rtcp_port;  ///< a=rtcp
  std::string rtcp_address;           ///< a=rtcp's, empty: `connection`
  IceDescription ice;                 ///< section's values, else the session's
  bool end_of_candidates = false;
  std::vector<Extension> extensions;
  std::vector<SsrcAttribute> ssrcs;
  std::string msid;
  std::optional<uint32_t> packet_time_ms;  ///< a=ptime
  std::optional<core::Bitrate> bandwidth;  ///< b=TIAS, else b=AS
  std::vector<std::string> attributes;     ///< all other a= values, in order
};

struct Description {
  std::string origin_user = "-";
  uint64_t session_id = 0, session_version = 0;
  std::string origin_address = "127.0.0.1";  ///< numeric; v6 is written as IP6
  std::string session_name = "-";
  std::string connection;           ///< session-level c= address
  std::vector<std::string> bundle;  ///< mids of a=group:BUNDLE
  bool ice_lite = false;
  std::vector<std::string> attributes;  ///< all other session-level a= values
  std::vector<Media> media;
};

/// Bounded: 64 KiB, 32 sections, 64 formats a section. LF and CRLF both end a line. Errors name the line.
core::Result<Description> parse(std::string_view text);
std::string to_string(const Description& description);

}  // namespace partyline::rtp::sdp
