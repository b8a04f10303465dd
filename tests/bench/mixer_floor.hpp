// The floor under a video room: what its codecs alone cost on one thread, with the very same libraries and settings.
//
// Thread: the benchmark's main thread.
#pragma once

#include "mixer/codec/video_encoder.hpp"
#include "tests/bench/mixer_room.hpp"

namespace partyline::bench {

/// How a floor spends its time: one piece of work after the other, or each when it falls due.
enum class Pace { at_once, real_time };

/// The video codecs alone: every frame decoded as it falls due, the canvas painted (not measured) and encoded.
/// Processor seconds a second.
double video_floor(const Case& what, Library& library, mixer::VideoEncoder& encoder, Pace pace = Pace::at_once);

/// The audio codecs alone: a decode for each, an encode for each distinct mix (the mixing is not measured).
double audio_floor(const Case& what, Library& library);

/// The encoder of the published FreeSWITCH figures: x264 veryfast, zerolatency, baseline, 720p30 at 2.1 Mbit/s.
std::unique_ptr<mixer::VideoEncoder> make_reference_encoder();

}  // namespace partyline::bench
