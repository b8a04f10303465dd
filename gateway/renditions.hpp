// Which rendition of the room's picture suits a receiver: the best rung of the room's ladder (rendition_steps: three)
// that is within what it says it decodes (H.264 level, table A-1; VP8 max-fs) and of which its SDP lets half through;
// the encoder goes down that far for its slowest receiver. So phones that differ share encoders. Only who decodes less
// than the least of them, or fewer pictures a second, gets one more. Pure functions.
#pragma once

#include "mixer/room_mixer.hpp"
#include "rtp/format.hpp"

namespace partyline::gateway {

/// `format`: what we send with (its h264 parameters are the receiver's). `room`: the room's own picture.
mixer::VideoRendition choose_rendition(const rtp::PayloadFormat& format, std::optional<core::Bitrate> bandwidth,
                                       const mixer::VideoRendition& room);

/// What a receiver that agreed to `format` decodes, whoever has encoded it.
mixer::PassLimits pass_limits(const rtp::PayloadFormat& format);

/// `expected_loss`: per cent, by the peer's reports; Opus prepares for it in band where the peer takes no RED.
/// `stereo`: the room's sound has two channels; the peer gets them if it says that it plays them (RFC 7587 §6.1).
mixer::AudioFormat choose_audio_format(const rtp::TrackConfig& track, core::Bitrate opus_bitrate, int expected_loss = 0,
                                       bool stereo = false);

}  // namespace partyline::gateway
