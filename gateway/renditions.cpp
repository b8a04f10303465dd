#include "gateway/renditions.hpp"

#include <algorithm>

#include "core/h264_level.hpp"

namespace partyline::gateway {
namespace {

int64_t macroblocks(core::VideoSize size) {
  return static_cast<int64_t>((size.width + 15) / 16) * ((size.height + 15) / 16);
}

core::VideoSize scaled(core::VideoSize size, int numerator, int denominator) {
  return {size.width * numerator / denominator & ~1, size.height * numerator / denominator & ~1};
}

// Nothing said means level 1.0 by the book (RFC 6184 §8.1); phones that say nothing show SD all the same.
int level_of(const rtp::H264Parameters& h264) {
  constexpr int kUnsaidLevel = 30;
  return h264 == rtp::H264Parameters{} ? kUnsaidLevel : h264.level_idc;
}

constexpr int kMode0NalBytes = 1180;  // a packet's 1200 less the RTP header with extensions

}  // namespace

mixer::VideoRendition choose_rendition(const rtp::PayloadFormat& format, std::optional<core::Bitrate> bandwidth,
                                       const mixer::VideoRendition& room) {
  mixer::VideoRendition rendition = room;
  rendition.codec = format.codec;
  int64_t most_per_frame = format.max_frame_size > 0 ? format.max_frame_size : 36864;
  int64_t most_per_second = most_per_frame * 60;
  int64_t most_bits = room.bitrate.bits_per_second;
  if (format.codec == core::Codec::h264) {
    if (format.h264.packetization_mode == 0) rendition.max_nal_bytes = kMode0NalBytes;
    const core::H264Level* level = &core::kH264Levels.front();
    const int level_idc = level_of(format.h264);
    for (const core::H264Level& row : core::kH264Levels)
      if (row.level_idc <= level_idc) level = &row;
    most_per_frame = std::max<int64_t>(level->macroblocks_per_frame, format.max_frame_size);
    most_per_second = level->macroblocks_per_second;
    most_bits = std::min(most_bits, level->kbps * 1000);
  }
  // A few steps only: each distinct rendition is an encoder of its own.
  if (format.max_frame_rate > 0 && format.max_frame_rate < static_cast<uint32_t>(room.frames_per_second)) {
    const int most = static_cast<int>(format.max_frame_rate);
    rendition.frames_per_second = most >= 15   ? std::min(most >= 25 ? 25 : 15, room.frames_per_second)
                                  : most >= 10 ? 10
                                  : most >= 5  ? 5
                                               : 1;
  }
  // Full, two thirds (854×480 of 720p), half, a quarter of the canvas' sides: the first that fits.
  for (const auto& [numerator, denominator] : {std::pair{1, 1}, {2, 3}, {1, 2}, {1, 4}, {1, 8}}) {
    rendition.size = scaled(room.size, numerator, denominator);
    most_bits = std::min(most_bits, room.bitrate.bits_per_second * numerator / denominator);
    if (macroblocks(rendition.size) <= most_per_frame) break;
  }
  while (rendition.frames_per_second > 5 && macroblocks(rendition.size) * rendition.frames_per_second > most_per_second)
    rendition.frames_per_second = rendition.frames_per_second > 15 ? 15 : rendition.frames_per_second - 5;
  if (bandwidth && bandwidth->bits_per_second > 0)
    most_bits = std::min(most_bits, std::max<int64_t>(bandwidth->bits_per_second, 64000));
  // Steps of an eighth of the room's, so that two phones that differ by a few bits share one encoder.
  const int64_t step = std::max<int64_t>(room.bitrate.bits_per_second / 8, 1);
  rendition.bitrate = {std::max<int64_t>(most_bits / step * step, std::min(step, most_bits))};
  return rendition;
}

mixer::PassLimits pass_limits(const rtp::PayloadFormat& format) {
  return {format.h264.profile_idc, static_cast<uint8_t>(level_of(format.h264))};
}

mixer::AudioFormat choose_audio_format(const rtp::TrackConfig& track, core::Bitrate opus_bitrate, int expected_loss,
                                       bool stereo) {
  mixer::AudioFormat format;
  format.codec = track.send_format ? track.send_format->codec : core::Codec::pcmu;
  format.packet_time_ms = std::clamp<int>(static_cast<int>(track.packet_time_ms) / 10 * 10, 10, 60);
  if (format.codec == core::Codec::opus) {
    format.packet_time_ms = 20;
    format.bitrate = opus_bitrate;
    if (stereo && track.send_format->opus_stereo) format.channels = 2;
    if (track.send_format->opus_inband_fec && !track.red_send) format.expected_loss = expected_loss;
  }
  return format;
}

}  // namespace partyline::gateway
