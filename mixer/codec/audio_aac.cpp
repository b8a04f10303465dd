// AAC-LC by FFmpeg's own encoder, for live outputs: raw access units of 1024 samples, no ADTS. The decoder
// configuration is constant for 48 kHz stereo (0x11 0x90, ISO 14496-3 §1.6.2.1).
extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>
}

#include <cstring>
#include <memory>
#include <string>

#include "mixer/audio/pcm.hpp"
#include "mixer/codec/audio_codec.hpp"

namespace partyline::mixer {
namespace {

constexpr size_t kFrameSamples = 1024;

struct ContextDeleter {
  void operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
};
struct FrameDeleter {
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
};
struct PacketDeleter {
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
};

class AacEncoder final : public AudioEncoder {
 public:
  static core::Result<std::unique_ptr<AudioEncoder>> create(const AudioEncoderConfig& config) {
    auto encoder = std::make_unique<AacEncoder>();
    if (!encoder->open(config)) return core::make_error(core::ErrorCode::internal, "cannot open FFmpeg's AAC encoder");
    return std::unique_ptr<AudioEncoder>(std::move(encoder));
  }

  size_t encode(std::span<const float> pcm, std::span<uint8_t> out) override { return encode_pair(pcm, pcm, out); }

  size_t encode_pair(std::span<const float> left, std::span<const float> right, std::span<uint8_t> out) override {
    if (left.size() != kFrameSamples || right.size() != kFrameSamples || av_frame_make_writable(frame_.get()) < 0) {
      return 0;
    }
    for (int channel = 0; channel < context_->ch_layout.nb_channels; ++channel) {
      std::memcpy(frame_->data[channel], channel == 0 ? left.data() : right.data(), left.size_bytes());
    }
    frame_->pts = next_pts_;
    next_pts_ += static_cast<int64_t>(kFrameSamples);
    if (avcodec_send_frame(context_.get(), frame_.get()) < 0) return 0;
    if (avcodec_receive_packet(context_.get(), packet_.get()) < 0) return 0;
    const auto size = static_cast<size_t>(packet_->size);
    content_offset_ = packet_->pts - frame_->pts;
    if (size <= out.size()) std::memcpy(out.data(), packet_->data, size);
    av_packet_unref(packet_.get());
    return size <= out.size() ? size : 0;
  }

  int64_t content_offset() const override { return content_offset_; }
  void continue_from(const AudioEncoder&) override {}  // only the full mix is sent as AAC: nobody takes over

 private:
  bool open(const AudioEncoderConfig& config) {
    const AVCodec* codec = avcodec_find_encoder_by_name("aac");
    if (!codec) return false;
    context_.reset(avcodec_alloc_context3(codec));
    frame_.reset(av_frame_alloc());
    packet_.reset(av_packet_alloc());
    if (!context_ || !frame_ || !packet_) return false;
    context_->sample_fmt = AV_SAMPLE_FMT_FLTP;
    context_->sample_rate = kSampleRate;
    av_channel_layout_default(&context_->ch_layout, config.channels);
    context_->bit_rate = config.bitrate.bits_per_second;
    context_->time_base = {1, kSampleRate};
    context_->profile = FF_PROFILE_AAC_LOW;
    context_->thread_count = 1;
    context_->log_level_offset = AV_LOG_WARNING - AV_LOG_FATAL;  // errors only: it chats when it is closed
    AVDictionary* options = nullptr;
    // The thorough coder costs three times as much, on the thread that must never be late.
    av_dict_set(&options, "aac_coder", "fast", 0);
    const int opened = avcodec_open2(context_.get(), codec, &options);
    av_dict_free(&options);
    if (opened < 0 || context_->frame_size != static_cast<int>(kFrameSamples)) return false;
    frame_->nb_samples = context_->frame_size;
    frame_->format = context_->sample_fmt;
    if (av_channel_layout_copy(&frame_->ch_layout, &context_->ch_layout) < 0) return false;
    frame_->sample_rate = kSampleRate;
    return av_frame_get_buffer(frame_.get(), 0) >= 0;
  }

  std::unique_ptr<AVCodecContext, ContextDeleter> context_;
  std::unique_ptr<AVFrame, FrameDeleter> frame_;
  std::unique_ptr<AVPacket, PacketDeleter> packet_;
  int64_t next_pts_ = 0;
  int64_t content_offset_ = 0;
};

}  // namespace

core::Result<std::unique_ptr<AudioEncoder>> make_aac_encoder(const AudioEncoderConfig& config) {
  return AacEncoder::create(config);
}

}  // namespace partyline::mixer
