// H.264 and VP8 to I420, by FFmpeg: one thread, no reordering delay. Pictures that FFmpeg had to guess parts of are
// errors, not pictures.
//
// Thread: one at a time (the source's strand). Deliberately not here: when to start, when to ask for a keyframe, and
// whole frames that are missing (EncodedFrame::after_loss tells).
#pragma once

#include <memory>

#include "core/frame.hpp"
#include "core/result.hpp"
#include "mixer/codec/video_picture.hpp"

namespace partyline::mixer {

/// Larger pictures are refused: a stranger's parameter set must not make us allocate, and a decoder may keep two dozen.
inline constexpr int kMaxPictureSide = 4096;
inline constexpr int64_t kMaxPicturePixels = int64_t{2560} * 1600;

enum class DecodeStatus {
  picture,  ///< `picture` is whole
  nothing,  ///< fine, but no picture came out
  error,    ///< damaged, unsupported or too large: start again at a keyframe
};

class VideoDecoder {
 public:
  virtual ~VideoDecoder() = default;
  virtual DecodeStatus decode(const core::EncodedFrame& frame, Picture& picture) = 0;
  virtual void flush() = 0;  ///< forget all references
};

core::Result<std::unique_ptr<VideoDecoder>> make_video_decoder(core::Codec codec);

}  // namespace partyline::mixer
