// What a SIP INFO asks for: a DTMF digit or a key frame. Pure: text in, value out.
//
//   application/dtmf-relay              "Signal=5\r\nDuration=160\r\n"   (Cisco's form, most phones)
//   application/dtmf                    "5"
//   application/media_control+xml       <picture_fast_update/> (RFC 5168)
//
// Deliberately not done: the duration (a digit is an event, not a tone), other primitives of RFC 5168.
#pragma once

#include <string_view>
#include <variant>

namespace partyline::sip {

struct InfoDigit {
  char digit;  ///< 0-9 * # A-D
};
struct InfoKeyframeRequest {};
struct InfoIgnored {};  ///< well-formed, nothing for us in it: 200
struct InfoBad {};      ///< our type, but unreadable: 400
struct InfoUnknown {};  ///< not a type of ours: 415
using InfoRequest = std::variant<InfoDigit, InfoKeyframeRequest, InfoIgnored, InfoBad, InfoUnknown>;

/// `content_type` is the header's value, parameters allowed.
InfoRequest parse_info(std::string_view content_type, std::string_view body);

/// Content type of INFO bodies that parse_info understands, for Accept in a 415.
inline constexpr const char* kInfoAccept = "application/dtmf-relay, application/dtmf, application/media_control+xml";

/// The body of our own wish for a key frame.
inline constexpr const char* kPictureFastUpdate =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n"
    "<media_control><vc_primitive><to_encoder><picture_fast_update/></to_encoder></vc_primitive></media_control>\r\n";

}  // namespace partyline::sip
