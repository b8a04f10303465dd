// What a leg of a call sends, as a receiver hands it on: two seconds of a tone and of a test picture in any codec of a
// call, made by ffmpeg.
#pragma once

#include <vector>

#include "core/frame.hpp"

namespace partyline::gateway {

/// 100 frames of 20 ms, 1000 Hz. Captures count from `zero`, numbers from `first`. Empty: no ffmpeg.
std::vector<core::EncodedFrame> call_sound(core::Codec codec, core::TimePoint zero, int64_t first = 4000);
/// 50 pictures of 320x240, a keyframe each half second.
std::vector<core::EncodedFrame> call_pictures(core::Codec codec, core::TimePoint zero);
/// Both, by capture.
std::vector<core::EncodedFrame> merged(std::vector<core::EncodedFrame> sound,
                                       const std::vector<core::EncodedFrame>& pictures);

}  // namespace partyline::gateway
