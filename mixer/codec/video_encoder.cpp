#include "mixer/codec/video_encoder.hpp"

#include <algorithm>
#include <array>
#include <string>

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

core::Result<std::unique_ptr<VideoEncoder>> make_video_encoder(const VideoRendition& rendition) {
  if (auto checked = check_rendition(rendition); !checked) return checked.error();
  switch (rendition.codec) {
    case core::Codec::h264:
      return make_x264_encoder(rendition);
    case core::Codec::vp8:
      return make_vpx_encoder(rendition);
    default:
      return make_jpeg_encoder(rendition);
  }
}

int h264_level(core::VideoSize size, int frames_per_second, core::Bitrate bitrate) {
  struct Row {
    int level, blocks_per_second, blocks, kbps;
  };
  // ITU-T H.264 table A-1: MaxMBPS, MaxFS, MaxBR (1000 bit/s, baseline).
  static constexpr std::array<Row, 15> kLevels{{{10, 1485, 99, 64},
                                                {11, 3000, 396, 192},
                                                {12, 6000, 396, 384},
                                                {13, 11880, 396, 768},
                                                {20, 11880, 396, 2000},
                                                {21, 19800, 792, 4000},
                                                {22, 20250, 1620, 4000},
                                                {30, 40500, 1620, 10000},
                                                {31, 108000, 3600, 14000},
                                                {32, 216000, 5120, 20000},
                                                {40, 245760, 8192, 20000},
                                                {42, 522240, 8704, 50000},
                                                {50, 589824, 22080, 135000},
                                                {51, 983040, 36864, 240000},
                                                {52, 2073600, 36864, 240000}}};
  const int wide = (size.width + 15) / 16;
  const int high = (size.height + 15) / 16;
  const int blocks = wide * high;
  for (const Row& row : kLevels) {
    // A side may have at most sqrt(8 * MaxFS) macroblocks (A.3.1 f, g).
    const bool sides = wide * wide <= 8 * row.blocks && high * high <= 8 * row.blocks;
    if (sides && blocks <= row.blocks && int64_t{blocks} * frames_per_second <= row.blocks_per_second &&
        bitrate.bits_per_second <= int64_t{row.kbps} * 1000) {
      return row.level;
    }
  }
  return 52;
}

}  // namespace partyline::mixer
