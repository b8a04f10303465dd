#include "mixer/codec/video_encoder.hpp"

#include <string>

#include "core/h264_level.hpp"

namespace partyline::mixer {

core::Result<> check_rendition(const VideoRendition& rendition) {
  const auto [width, height] = rendition.size;
  const auto wrong = [](const std::string& what) { return core::make_error(core::ErrorCode::invalid, what); };
  if (core::kind_of(rendition.codec) != core::MediaKind::video) {
    return core::make_error(core::ErrorCode::unsupported,
                            std::string(core::name_of(rendition.codec)) + " is not a video codec we encode");
  }
  if (width < 32 || height < 32 || width > 4096 || height > 4096 || width % 2 != 0 || height % 2 != 0) {
    return wrong("a picture of " + std::to_string(width) + "x" + std::to_string(height) +
                 " cannot be encoded: both sides must be even and 32 to 4096");
  }
  if (rendition.frames_per_second < 1 || rendition.frames_per_second > 60) return wrong("frame rate must be 1 to 60");
  if (rendition.bitrate < core::Bitrate::kbps(16) || rendition.bitrate > core::Bitrate::kbps(50'000)) {
    return wrong("video bitrate must be 16 kbit/s to 50 Mbit/s");
  }
  if (rendition.max_nal_bytes != 0 && (rendition.max_nal_bytes < 200 || rendition.max_nal_bytes > 65'535)) {
    return wrong("max_nal_bytes must be 0 or 200 to 65535");
  }
  return {};
}

core::Result<std::unique_ptr<VideoEncoder>> make_video_encoder(const VideoRendition& rendition, EncoderEffort effort) {
  if (auto checked = check_rendition(rendition); !checked) return checked.error();
  switch (rendition.codec) {
    case core::Codec::h264:
      return make_x264_encoder(rendition, effort);
    case core::Codec::vp8:
      return make_vpx_encoder(rendition, effort);
    default:
      return make_jpeg_encoder(rendition);
  }
}

int h264_level(core::VideoSize size, int frames_per_second, core::Bitrate bitrate) {
  const int wide = (size.width + 15) / 16;
  const int high = (size.height + 15) / 16;
  const int blocks = wide * high;
  for (const core::H264Level& level : core::kH264Levels) {
    const int most_squared = 8 * level.macroblocks_per_frame;
    const bool sides = wide * wide <= most_squared && high * high <= most_squared;
    if (sides && blocks <= level.macroblocks_per_frame &&
        int64_t{blocks} * frames_per_second <= level.macroblocks_per_second &&
        bitrate.bits_per_second <= level.kbps * 1000) {
      return level.level_idc;
    }
  }
  return 52;
}

}  // namespace partyline::mixer
