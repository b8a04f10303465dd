// I420 to H.264 (x264), VP8 (libvpx) or, for stills, JPEG (FFmpeg), one thread each, tuned for conversation: no
// lookahead, no B-pictures, constant bitrate with a small buffer, keyframes on demand.
//
// Thread: one at a time. Deliberately not here: which ticks to encode, when a keyframe is due.
#pragma once

#include <memory>
#include <string_view>

#include "core/buffer.hpp"
#include "core/frame.hpp"
#include "core/result.hpp"
#include "mixer/codec/video_picture.hpp"
#include "mixer/room_mixer.hpp"

namespace partyline::mixer {

struct EncodedPicture {
  core::Buffer buffer;
  bool keyframe = false;
};

class VideoEncoder {
 public:
  virtual ~VideoEncoder() = default;
  /// `picture` has the rendition's size. `rtp_time` (90 kHz) grows. False: nothing came out.
  virtual bool encode(const I420View& picture, int64_t rtp_time, bool force_keyframe, EncodedPicture& out) = 0;
  /// From the next picture on; not above the rendition's, whose level it was opened for. No keyframe comes of it.
  virtual void set_bitrate(core::Bitrate bitrate) = 0;
};

/// Quality for processor time.
enum class EncoderEffort : uint8_t { usual, least };

/// Says why a rendition cannot be made: codec, odd or extreme size, rate.
core::Result<> check_rendition(const VideoRendition& rendition);
core::Result<std::unique_ptr<VideoEncoder>> make_video_encoder(const VideoRendition& rendition,
                                                               EncoderEffort effort = EncoderEffort::usual);

/// The lowest H.264 level (times ten; table A-1) that allows this size, rate and bitrate in the baseline profile.
int h264_level(core::VideoSize size, int frames_per_second, core::Bitrate bitrate);

core::Result<std::unique_ptr<VideoEncoder>> make_x264_encoder(const VideoRendition& rendition, EncoderEffort effort);
core::Result<std::unique_ptr<VideoEncoder>> make_vpx_encoder(const VideoRendition& rendition, EncoderEffort effort);
core::Result<std::unique_ptr<VideoEncoder>> make_jpeg_encoder(const VideoRendition& rendition);

}  // namespace partyline::mixer
