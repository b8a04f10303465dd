// The size of a picture, read from the first packet of its keyframe: VP8's frame header (RFC 6386 §9.1), H.264's SPS of
// the baseline and main profiles (H.264 §7.3.2.1.1). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "core/frame.hpp"

namespace partyline::sfu {

/// Nothing when it is not said there or not understood.
std::optional<core::VideoSize> picture_size(core::Codec codec, std::span<const uint8_t> payload);

}  // namespace partyline::sfu
