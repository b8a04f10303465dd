// Still pictures: JPEG by FFmpeg's encoder. Every picture is a whole one; the rendition's bitrate means nothing.
#include <array>
#include <memory>

#include "mixer/codec/video_encoder.hpp"

extern "C" {
#include <libavcodec/avcodec.h>
}

namespace partyline::mixer {
namespace {

constexpr int kQuality = 3;  // MJPEG's quantiser, 2 (best) to 31

struct Free {
  void operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
};

// JPEG (JFIF) means full range; ours is limited (16 to 235, chroma 16 to 240).
struct FullRange {
  std::array<uint8_t, 256> luma{}, chroma{};
  constexpr FullRange() {
    for (int i = 0; i < 256; ++i) {
      const int l = ((i - 16) * 255 + 109) / 219, c = 128 + ((i - 128) * 255) / 224;
      luma[static_cast<size_t>(i)] = static_cast<uint8_t>(l < 0 ? 0 : l > 255 ? 255 : l);
      chroma[static_cast<size_t>(i)] = static_cast<uint8_t>(c < 0 ? 0 : c > 255 ? 255 : c);
    }
  }
};
constexpr FullRange kFullRange;

void widen(const uint8_t* from, int from_stride, uint8_t* to, int to_stride, int width, int height,
           const std::array<uint8_t, 256>& table) {
  for (int row = 0; row < height; ++row) {
    const uint8_t* in = from + static_cast<ptrdiff_t>(row) * from_stride;
    uint8_t* out = to + static_cast<ptrdiff_t>(row) * to_stride;
    for (int x = 0; x < width; ++x) out[x] = table[in[x]];
  }
}

class JpegEncoder final : public VideoEncoder {
 public:
  static core::Result<std::unique_ptr<VideoEncoder>> open(const VideoRendition& rendition) {
    const AVCodec* codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
    std::unique_ptr<JpegEncoder> self(new JpegEncoder);
    self->context_.reset(codec ? avcodec_alloc_context3(codec) : nullptr);
    self->frame_.reset(av_frame_alloc());
    self->packet_.reset(av_packet_alloc());
    if (!self->context_ || !self->frame_ || !self->packet_)
      return core::make_error(core::ErrorCode::internal, "FFmpeg has no JPEG encoder");
    AVCodecContext& context = *self->context_;
    context.width = rendition.size.width;
    context.height = rendition.size.height;
    context.pix_fmt = AV_PIX_FMT_YUVJ420P;
    context.color_range = AVCOL_RANGE_JPEG;
    context.colorspace = AVCOL_SPC_SMPTE170M;
    context.time_base = {1, 90'000};
    context.thread_count = 1;
    context.flags |= AV_CODEC_FLAG_QSCALE;
    context.global_quality = FF_QP2LAMBDA * kQuality;
    AVFrame& frame = *self->frame_;
    frame.format = AV_PIX_FMT_YUVJ420P;
    frame.width = context.width;
    frame.height = context.height;
    if (avcodec_open2(&context, codec, nullptr) < 0 || av_frame_get_buffer(&frame, 0) < 0)
      return core::make_error(core::ErrorCode::internal, "FFmpeg cannot open its JPEG encoder");
    return std::unique_ptr<VideoEncoder>(std::move(self));
  }

  void set_bitrate(core::Bitrate) override {}  // its quality is fixed

  bool encode(const I420View& picture, int64_t rtp_time, bool, EncodedPicture& out) override {
    AVFrame& frame = *frame_;
    if (av_frame_make_writable(&frame) < 0) return false;
    const auto [width, height] = picture.size;
    const int half_width = (width + 1) / 2, half_height = (height + 1) / 2;
    widen(picture.y, picture.stride_y, frame.data[0], frame.linesize[0], width, height, kFullRange.luma);
    widen(picture.u, picture.stride_u, frame.data[1], frame.linesize[1], half_width, half_height, kFullRange.chroma);
    widen(picture.v, picture.stride_v, frame.data[2], frame.linesize[2], half_width, half_height, kFullRange.chroma);
    frame.pts = rtp_time;
    frame.quality = context_->global_quality;
    if (avcodec_send_frame(context_.get(), &frame) < 0) return false;
    if (avcodec_receive_packet(context_.get(), packet_.get()) < 0) return false;
    out.buffer = core::Buffer::copy_of({packet_->data, static_cast<size_t>(packet_->size)});
    out.keyframe = true;
    av_packet_unref(packet_.get());
    return true;
  }

 private:
  JpegEncoder() = default;
  std::unique_ptr<AVCodecContext, Free> context_;
  std::unique_ptr<AVFrame, Free> frame_;
  std::unique_ptr<AVPacket, Free> packet_;
};

}  // namespace

core::Result<std::unique_ptr<VideoEncoder>> make_jpeg_encoder(const VideoRendition& rendition) {
  return JpegEncoder::open(rendition);
}

}  // namespace partyline::mixer
