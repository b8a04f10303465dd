#include "gateway/renditions.hpp"

#include <algorithm>

#include "core/h264_level.hpp"
#include "gateway/rendition_choice.hpp"

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

constexpr int kMode0NalBytes = 1180;   // a packet's 1200 less the RTP header with extensions
constexpr double kLeastOfRung = 0.55;  // an encoder follows its slowest receiver down to half (RenditionChoice)

struct Limits {
  int64_t macroblocks = 36864, macroblocks_per_second = 36864 * 60, bits_per_second = 0;
  uint32_t frames_per_second = 0;  // 0: nothing said
};

Limits limits_of(const rtp::PayloadFormat& format, std::optional<core::Bitrate> bandwidth,
                 const mixer::VideoRendition& room) {
  Limits limits;
  if (format.max_frame_size > 0) limits.macroblocks = format.max_frame_size;
  limits.macroblocks_per_second = limits.macroblocks * 60;
  limits.bits_per_second = room.bitrate.bits_per_second;
  limits.frames_per_second = format.max_frame_rate;
  if (format.codec == core::Codec::h264) {
    const core::H264Level* level = &core::kH264Levels.front();
    const int level_idc = level_of(format.h264);
    for (const core::H264Level& row : core::kH264Levels)
      if (row.level_idc <= level_idc) level = &row;
    limits.macroblocks = std::max<int64_t>(level->macroblocks_per_frame, format.max_frame_size);
    limits.macroblocks_per_second = level->macroblocks_per_second;
    limits.bits_per_second = std::min(limits.bits_per_second, level->kbps * 1000);
  }
  if (bandwidth && bandwidth->bits_per_second > 0)
    limits.bits_per_second = std::min(limits.bits_per_second, std::max<int64_t>(bandwidth->bits_per_second, 64000));
  return limits;
}

bool fits(const mixer::VideoRendition& rendition, const Limits& limits) {
  const int64_t size = macroblocks(rendition.size);
  return size <= limits.macroblocks && size * rendition.frames_per_second <= limits.macroblocks_per_second &&
         static_cast<double>(limits.bits_per_second) >=
             kLeastOfRung * static_cast<double>(rendition.bitrate.bits_per_second);
}

/// For who decodes less than the least of the ladder: the same picture, as small as it must be.
mixer::VideoRendition below_the_ladder(mixer::VideoRendition rendition, const Limits& limits,
                                       const mixer::VideoRendition& room) {
  for (const int divisor : {4, 8, 12, 16, 24}) {
    rendition.size = scaled(room.size, 1, divisor);
    if (macroblocks(rendition.size) <= limits.macroblocks) break;
  }
  while (rendition.frames_per_second > 5 &&
         macroblocks(rendition.size) * rendition.frames_per_second > limits.macroblocks_per_second)
    rendition.frames_per_second -= 5;
  rendition.bitrate.bits_per_second = std::min(rendition.bitrate.bits_per_second, limits.bits_per_second);
  return rendition;
}

}  // namespace

mixer::VideoRendition choose_rendition(const rtp::PayloadFormat& format, std::optional<core::Bitrate> bandwidth,
                                       const mixer::VideoRendition& room) {
  const Limits limits = limits_of(format, bandwidth, room);
  const auto ladder = rendition_steps(room, room);
  const auto rung = std::ranges::find_if(ladder, [&](const auto& each) { return fits(each, limits); });
  mixer::VideoRendition rendition = rung != ladder.end() ? *rung : below_the_ladder(ladder.back(), limits, room);
  rendition.codec = format.codec;
  if (format.codec == core::Codec::h264 && format.h264.packetization_mode == 0)
    rendition.max_nal_bytes = kMode0NalBytes;
  // A few steps only: each distinct rendition is an encoder of its own.
  const auto most = static_cast<int>(std::min<uint32_t>(limits.frames_per_second, 1000));
  if (most > 0 && most < rendition.frames_per_second)
    rendition.frames_per_second = most >= 25 ? 25 : most >= 15 ? 15 : most >= 10 ? 10 : most >= 5 ? 5 : 1;
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
