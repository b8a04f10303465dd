#include "mixer/codec/video_decoder.hpp"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>
#include <libswscale/swscale.h>
}

#include <algorithm>
#include <cstring>
#include <string>

namespace partyline::mixer {
namespace {

struct ContextDeleter {
  void operator()(AVCodecContext* p) const { avcodec_free_context(&p); }
};
struct PacketDeleter {
  void operator()(AVPacket* p) const { av_packet_free(&p); }
};
struct BufferDeleter {
  void operator()(AVBufferRef* p) const { av_buffer_unref(&p); }
};
struct FrameDeleter {
  void operator()(AVFrame* p) const { av_frame_free(&p); }
};
struct ScalerDeleter {
  void operator()(SwsContext* p) const { sws_freeContext(p); }
};
using FramePtr = std::unique_ptr<AVFrame, FrameDeleter>;

I420View view_of(const AVFrame& frame) {
  return {frame.data[0],
          frame.data[1],
          frame.data[2],
          frame.linesize[0],
          frame.linesize[1],
          frame.linesize[2],
          {frame.width, frame.height}};
}

// Eight bits, 4:2:0: no profile that is ever offered has another, and others take up to four times the memory.
AVPixelFormat only_what_was_negotiated(AVCodecContext*, const AVPixelFormat* offered) {
  for (; *offered != AV_PIX_FMT_NONE; ++offered)
    if (*offered == AV_PIX_FMT_YUV420P || *offered == AV_PIX_FMT_YUVJ420P) return *offered;
  return AV_PIX_FMT_NONE;
}

class FfmpegDecoder final : public VideoDecoder {
 public:
  static core::Result<std::unique_ptr<VideoDecoder>> open(AVCodecID id) {
    const AVCodec* codec = avcodec_find_decoder(id);
    if (!codec) return core::make_error(core::ErrorCode::unsupported, "libavcodec has no such decoder");
    std::unique_ptr<FfmpegDecoder> self(new FfmpegDecoder);
    self->context_.reset(avcodec_alloc_context3(codec));
    self->packet_.reset(av_packet_alloc());
    if (!self->context_ || !self->packet_) return core::make_error(core::ErrorCode::internal, "out of memory");
    AVCodecContext& context = *self->context_;
    context.thread_count = 1;
    context.flags |= AV_CODEC_FLAG_LOW_DELAY;
    context.err_recognition = 0;  // EC;
    context.max_pixels = kMaxPicturePixels;
    context.get_format = only_what_was_negotiated;
    if (avcodec_open2(&context, codec, nullptr) < 0) {
      return core::make_error(core::ErrorCode::internal, "libavcodec cannot open the decoder");
    }
    return std::unique_ptr<VideoDecoder>(std::move(self));
  }

  DecodeStatus decode(const core::EncodedFrame& frame, Picture& picture) override {
    if (frame.data.empty() || !fill_packet(frame)) return DecodeStatus::error;
    const int sent = avcodec_send_packet(context_.get(), packet_.get());
    av_packet_unref(packet_.get());  // so that the buffer is ours alone again once it is decoded
    if (sent < 0) {
      drain();
      return DecodeStatus::error;
    }
    DecodeStatus status = DecodeStatus::nothing;
    // One packet gives at most a few pictures (the newest counts); the bound is for a decoder gone mad.
    for (int i = 0; i < 32; ++i) {
      FramePtr out(av_frame_alloc());
      if (!out) return DecodeStatus::error;
      const int result = avcodec_receive_frame(context_.get(), out.get());
      if (result == AVERROR(EAGAIN) || result == AVERROR_EOF) return status;
      if (result < 0 || !acceptable(*out) || !deliver(std::move(out), picture)) return DecodeStatus::error;
      status = DecodeStatus::picture;
    }
    return status;
  }

  void flush() override { avcodec_flush_buffers(context_.get()); }

 private:
  FfmpegDecoder() = default;

  bool fill_packet(const core::EncodedFrame& frame) {
    // libavcodec reads up to AV_INPUT_BUFFER_PADDING_SIZE behind the packet. A core::Buffer has 32 readable bytes
    // behind its capacity, which is less, and another view's bytes may follow there: so the bytes are copied, once, to
    // a buffer that is kept. It is counted, as libavcodec would copy one that is not once more.
    if (frame.data.size() >= size_t{1} << 28) return false;
    const size_t needed = frame.data.size() + AV_INPUT_BUFFER_PADDING_SIZE;
    if (!bytes_ || bytes_->size < needed || av_buffer_is_writable(bytes_.get()) == 0) {
      bytes_.reset(av_buffer_alloc(needed + needed / 2));
    }
    av_packet_unref(packet_.get());
    packet_->buf = bytes_ ? av_buffer_ref(bytes_.get()) : nullptr;
    if (!packet_->buf) return false;
    std::memcpy(bytes_->data, frame.data.data(), frame.data.size());
    std::memset(bytes_->data + frame.data.size(), 0, AV_INPUT_BUFFER_PADDING_SIZE);
    packet_->data = bytes_->data;
    packet_->size = static_cast<int>(frame.data.size());
    packet_->pts = packet_->dts = frame.capture.time_since_epoch().count();
    packet_->flags = frame.keyframe ? AV_PKT_FLAG_KEY : 0;
    return true;
  }

  void drain() {
    FramePtr out(av_frame_alloc());
    for (int i = 0; out && i < 32 && avcodec_receive_frame(context_.get(), out.get()) >= 0; ++i) {
      av_frame_unref(out.get());
    }
  }

  static bool acceptable(const AVFrame& frame) {
    return frame.decode_error_flags == 0 && (frame.flags & AV_FRAME_FLAG_CORRUPT) == 0 && frame.width > 0 &&
           frame.height > 0 && frame.width <= kMaxPictureSide && frame.height <= kMaxPictureSide;
  }

  bool deliver(FramePtr frame, Picture& picture) {
    picture.capture = core::TimePoint(core::Duration(frame->pts));
    const AVRational aspect = frame->sample_aspect_ratio;
    const bool sane = aspect.num > 0 && aspect.den > 0 && aspect.num < 4 * aspect.den && aspect.den < 4 * aspect.num;
    picture.aspect_num = sane ? aspect.num : 1;
    picture.aspect_den = sane ? aspect.den : 1;
    if (frame->format != AV_PIX_FMT_YUV420P || frame->color_range == AVCOL_RANGE_JPEG) return convert(*frame, picture);
    picture.view = view_of(*frame);
    picture.owner = std::shared_ptr<const AVFrame>(frame.release(), FrameDeleter());
    return true;
  }

  /// The rare rest (full range, 4:2:2, 4:4:4, ten bits): one pass of libswscale.
  bool convert(const AVFrame& frame, Picture& picture) {
    const auto format = static_cast<AVPixelFormat>(frame.format);
    SwsContext* scaler =
        sws_getCachedContext(scaler_.release(), frame.width, frame.height, format, frame.width, frame.height,
                             AV_PIX_FMT_YUV420P, SWS_FAST_BILINEAR, nullptr, nullptr, nullptr);
    scaler_.reset(scaler);
    if (!scaler) return false;
    const int* table = sws_getCoefficients(SWS_CS_ITU601);
    const bool full = frame.color_range == AVCOL_RANGE_JPEG || format == AV_PIX_FMT_YUVJ420P ||
                      format == AV_PIX_FMT_YUVJ422P || format == AV_PIX_FMT_YUVJ444P;
    sws_setColorspaceDetails(scaler, table, full ? 1 : 0, table, 0, 0, 1 << 16, 1 << 16);
    I420Image image({frame.width, frame.height});
    uint8_t* const planes[4] = {image.y(), image.u(), image.v(), nullptr};
    const int strides[4] = {image.stride_y(), image.stride_uv(), image.stride_uv(), 0};
    if (sws_scale(scaler, frame.data, frame.linesize, 0, frame.height, planes, strides) <= 0) return false;
    Picture converted = image.picture();
    picture.view = converted.view;
    picture.owner = std::move(converted.owner);
    return true;
  }

  std::unique_ptr<AVCodecContext, ContextDeleter> context_;
  std::unique_ptr<AVPacket, PacketDeleter> packet_;
  std::unique_ptr<SwsContext, ScalerDeleter> scaler_;
  std::unique_ptr<AVBufferRef, BufferDeleter> bytes_;
};

}  // namespace

core::Result<std::unique_ptr<VideoDecoder>> make_video_decoder(core::Codec codec) {
  // FFmpeg speaks of every damaged bit; our counters say it in one word.
  static const bool quiet = (av_log_set_level(AV_LOG_QUIET), true);
  (void)quiet;
  switch (codec) {
    case core::Codec::h264:
      return FfmpegDecoder::open(AV_CODEC_ID_H264);
    case core::Codec::vp8:
      return FfmpegDecoder::open(AV_CODEC_ID_VP8);
    default:
      return core::make_error(core::ErrorCode::unsupported,
                              std::string(core::name_of(codec)) + " is not a video codec we decode");
  }
}

}  // namespace partyline::mixer
