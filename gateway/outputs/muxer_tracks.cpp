#include "gateway/outputs/muxer_tracks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>
#include <libavutil/mem.h>
}

namespace partyline::gateway {

namespace {

using core::Codec;
using core::ErrorCode;
using core::make_error;
using core::Result;

constexpr std::array<uint8_t, 2> aac_lc_48k_stereo{0x11, 0x90};  // AudioSpecificConfig, ISO 14496-3 §1.6.2.1
// RFC 7845 §5.1: version 1, two channels, nothing to skip (a call is joined in its middle), 48 kHz, no gain, family 0.
constexpr std::array<uint8_t, 19> opus_head{'O', 'p', 'u',  's',  'H', 'e', 'a', 'd', 1, 2,
                                            0,   0,   0x80, 0xBB, 0,   0,   0,   0,   0};

struct CloseParser {
  void operator()(AVCodecParserContext* parser) const { av_parser_close(parser); }
};
struct FreeContext {
  void operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
};

AVCodecID id_of(Codec codec) {
  switch (codec) {
    case Codec::opus:
      return AV_CODEC_ID_OPUS;
    case Codec::g722:
      return AV_CODEC_ID_ADPCM_G722;
    case Codec::pcmu:
      return AV_CODEC_ID_PCM_MULAW;
    case Codec::pcma:
      return AV_CODEC_ID_PCM_ALAW;
    case Codec::aac:
      return AV_CODEC_ID_AAC;
    case Codec::h264:
      return AV_CODEC_ID_H264;
    case Codec::vp8:
      return AV_CODEC_ID_VP8;
    case Codec::jpeg:
      break;
  }
  return AV_CODEC_ID_NONE;
}

Result<> set_extradata(AVCodecParameters& parameters, std::span<const uint8_t> bytes) {
  if (bytes.empty()) return {};
  parameters.extradata = static_cast<uint8_t*>(av_mallocz(bytes.size() + AV_INPUT_BUFFER_PADDING_SIZE));
  if (!parameters.extradata) return make_error(ErrorCode::limit, "out of memory");
  std::memcpy(parameters.extradata, bytes.data(), bytes.size());
  parameters.extradata_size = static_cast<int>(bytes.size());
  return {};
}

core::VideoSize size_of(const core::EncodedFrame& keyframe) {
  const std::unique_ptr<AVCodecParserContext, CloseParser> parser(av_parser_init(id_of(keyframe.codec)));
  const std::unique_ptr<AVCodecContext, FreeContext> context(avcodec_alloc_context3(nullptr));
  if (!parser || !context) return {};
  parser->flags |= PARSER_FLAG_COMPLETE_FRAMES;
  std::vector<uint8_t> padded(keyframe.data.size() + AV_INPUT_BUFFER_PADDING_SIZE);
  std::ranges::copy(keyframe.data, padded.begin());
  uint8_t* out = nullptr;
  int size = 0;
  av_parser_parse2(parser.get(), context.get(), &out, &size, padded.data(), static_cast<int>(keyframe.data.size()),
                   AV_NOPTS_VALUE, AV_NOPTS_VALUE, 0);
  return {parser->width, parser->height};
}

}  // namespace

std::vector<uint8_t> parameter_sets_of(std::span<const uint8_t> unit) {
  std::vector<uint8_t> result;
  bool sps = false, pps = false;
  const auto start_code_from = [&](size_t from) {
    for (size_t i = from; i + 3 <= unit.size(); ++i) {
      if (unit[i] == 0 && unit[i + 1] == 0 && unit[i + 2] == 1) return i;
    }
    return unit.size();
  };
  size_t at = start_code_from(0);
  while (at + 3 < unit.size()) {
    const size_t begin = at + 3;
    size_t end = start_code_from(begin);
    at = end;
    while (end > begin && unit[end - 1] == 0) --end;  // zero bytes between NAL units belong to none (H.264 B.1)
    if (end == begin) continue;
    const int type = unit[begin] & 0x1F;
    if (type != 7 && type != 8) continue;
    (type == 7 ? sps : pps) = true;
    for (const uint8_t byte : {0, 0, 0, 1}) result.push_back(byte);
    result.insert(result.end(), unit.begin() + static_cast<ptrdiff_t>(begin),
                  unit.begin() + static_cast<ptrdiff_t>(end));
  }
  if (!sps || !pps) result.clear();
  return result;
}

std::optional<PictureShape> shape_of(const core::EncodedFrame& keyframe) {
  if (core::kind_of(keyframe.codec) != core::MediaKind::video || !keyframe.keyframe) return std::nullopt;
  PictureShape shape;
  shape.codec = keyframe.codec;
  if (keyframe.codec == Codec::h264) shape.parameter_sets = parameter_sets_of(keyframe.data);
  if (keyframe.codec == Codec::h264 && shape.parameter_sets.empty()) return std::nullopt;
  shape.size = size_of(keyframe);
  if (shape.size.width <= 0 || shape.size.height <= 0) return std::nullopt;
  return shape;
}

Result<> describe_audio(Codec codec, AVCodecParameters& audio) {
  audio.codec_type = AVMEDIA_TYPE_AUDIO;
  audio.codec_id = id_of(codec);
  av_channel_layout_default(&audio.ch_layout, codec == Codec::aac || codec == Codec::opus ? 2 : 1);
  switch (codec) {
    case Codec::aac:
      audio.profile = FF_PROFILE_AAC_LOW;
      audio.sample_rate = 48'000;
      audio.frame_size = 1024;
      return set_extradata(audio, aac_lc_48k_stereo);
    case Codec::opus:
      audio.sample_rate = 48'000;
      return set_extradata(audio, opus_head);
    case Codec::g722:  // samples at twice its RTP clock (RFC 3551 §4.5.2)
      audio.sample_rate = 16'000;
      audio.bits_per_coded_sample = 4;
      break;
    case Codec::pcmu:
    case Codec::pcma:
      audio.sample_rate = 8'000;
      audio.bits_per_coded_sample = 8;
      break;
    default:
      return make_error(ErrorCode::unsupported, fmt::format("no output carries {} as sound", core::name_of(codec)));
  }
  audio.block_align = 1;
  audio.bit_rate = 64'000;
  return {};
}

Result<> describe_video(const PictureShape& shape, AVCodecParameters& video) {
  if (shape.codec != Codec::h264 && shape.codec != Codec::vp8) {
    return make_error(ErrorCode::unsupported, fmt::format("no output carries {} pictures", core::name_of(shape.codec)));
  }
  video.codec_type = AVMEDIA_TYPE_VIDEO;
  video.codec_id = id_of(shape.codec);
  video.width = shape.size.width;
  video.height = shape.size.height;
  return set_extradata(video, shape.parameter_sets);
}

int64_t audio_length(const core::EncodedFrame& frame) {
  switch (frame.codec) {
    case Codec::aac:
      return 1024 * 1'000'000 / 48'000;
    case Codec::g722:
    case Codec::pcmu:
    case Codec::pcma:
      return static_cast<int64_t>(frame.data.size()) * 1'000'000 / 8'000;  // 64 kbit/s, all three
    default:
      return 0;
  }
}

}  // namespace partyline::gateway
