// What a stream or a file is made of: which codecs, and what their containers have to be told before the first frame.
// Thread: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/frame.hpp"
#include "core/result.hpp"

struct AVCodecParameters;

namespace partyline::gateway {

struct PictureShape {
  core::Codec codec = core::Codec::h264;
  core::VideoSize size;
  std::vector<uint8_t> parameter_sets;  ///< H.264: SPS and PPS in Annex B
};

struct MuxerTracks {
  std::optional<core::Codec> audio;
  std::optional<PictureShape> video;
  bool has(core::Codec codec) const { return audio == codec || (video && video->codec == codec); }
};

/// The shape of the pictures that begin with this one; nothing when it does not say (no keyframe, no parameter sets).
std::optional<PictureShape> shape_of(const core::EncodedFrame& keyframe);

/// The SPS and PPS of an Annex B access unit, in Annex B; empty when one of the two is missing.
std::vector<uint8_t> parameter_sets_of(std::span<const uint8_t> access_unit);

/// For libavformat. AAC is LC of 48 kHz stereo; Opus is said to be stereo, as all RTP says (RFC 7587 §7): its packets
/// tell. `unsupported` for what no output carries.
core::Result<> describe_audio(core::Codec codec, AVCodecParameters& parameters);
core::Result<> describe_video(const PictureShape& shape, AVCodecParameters& parameters);

/// How long the sound of a frame is, in microseconds; 0 where the container does not need to be told (Opus).
int64_t audio_length(const core::EncodedFrame& frame);

}  // namespace partyline::gateway
