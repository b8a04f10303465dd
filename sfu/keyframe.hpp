// Where a keyframe begins, seen from one packet's payload alone (RFC 6184 §5, RFC 7741 §4.2). Pure.
#pragma once

#include <cstdint>
#include <span>

#include "core/frame.hpp"

namespace partyline::sfu {

/// True for the first packet of a picture that needs no other: VP8 key frame; H.264 SPS or IDR slice, alone, in a
/// STAP-A or as the first FU-A. Malformed payloads are none.
bool starts_keyframe(core::Codec codec, std::span<const uint8_t> payload);

}  // namespace partyline::sfu
