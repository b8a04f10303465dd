#include <vpx/vp8cx.h>
#include <vpx/vpx_encoder.h>

#include <algorithm>
#include <string>

#include "mixer/codec/video_encoder.hpp"

namespace partyline::mixer {
namespace {

constexpr int kSpeed = -8;  // negative: fixed, not adapted to the clock
constexpr int kMostSpeed = -14;
constexpr unsigned kMostQuantizer = 56, kCoarser = 4;  // of 63
constexpr double kBusy = 0.5;                          // of the mean picture's bits
constexpr unsigned kIntraPercent = 450;                // of the mean picture's bits

class VpxEncoder final : public VideoEncoder {
 public:
  static core::Result<std::unique_ptr<VideoEncoder>> open(const VideoRendition& rendition, EncoderEffort effort) {
    vpx_codec_enc_cfg_t config;
    if (vpx_codec_enc_config_default(vpx_codec_vp8_cx(), &config, 0) != VPX_CODEC_OK) {
      return core::make_error(core::ErrorCode::internal, "libvpx has no VP8 encoder");
    }
    config.g_w = static_cast<unsigned>(rendition.size.width);
    config.g_h = static_cast<unsigned>(rendition.size.height);
    config.g_threads = 1;
    config.g_timebase = {1, 90'000};
    config.g_lag_in_frames = 0;
    config.g_error_resilient = 0;
    config.g_pass = VPX_RC_ONE_PASS;
    config.rc_end_usage = VPX_CBR;
    config.rc_target_bitrate = static_cast<unsigned>(rendition.bitrate.bits_per_second / 1000);
    config.rc_min_quantizer = 4;
    config.rc_max_quantizer = kMostQuantizer;
    config.rc_undershoot_pct = 100;
    config.rc_overshoot_pct = 15;
    config.rc_buf_initial_sz = 400;
    config.rc_buf_optimal_sz = 500;
    config.rc_buf_sz = 800;
    config.rc_dropframe_thresh = 0;
    config.kf_mode = VPX_KF_DISABLED;  // the caller says when
    std::unique_ptr<VpxEncoder> self(new VpxEncoder);
    if (vpx_codec_enc_init(&self->codec_, vpx_codec_vp8_cx(), &config, 0) != VPX_CODEC_OK) {
      return core::make_error(core::ErrorCode::internal, "libvpx cannot open an encoder");
    }
    self->open_ = true;
    self->config_ = config;
    self->duration_ = static_cast<unsigned long>(90'000 / rendition.frames_per_second);
    vpx_codec_control(&self->codec_, VP8E_SET_CPUUSED, effort == EncoderEffort::least ? kMostSpeed : kSpeed);
    vpx_codec_control(&self->codec_, VP8E_SET_STATIC_THRESHOLD, 1u);
    vpx_codec_control(&self->codec_, VP8E_SET_NOISE_SENSITIVITY, 0u);
    vpx_codec_control(&self->codec_, VP8E_SET_TOKEN_PARTITIONS, 0);
    vpx_codec_control(&self->codec_, VP8E_SET_MAX_INTRA_BITRATE_PCT, kIntraPercent);
    return std::unique_ptr<VideoEncoder>(std::move(self));
  }

  ~VpxEncoder() override {
    if (open_) vpx_codec_destroy(&codec_);
  }

  void set_bitrate(core::Bitrate bitrate) override {
    config_.rc_target_bitrate = static_cast<unsigned>(std::max<int64_t>(bitrate.bits_per_second / 1000, 1));
    vpx_codec_enc_config_set(&codec_, &config_);
  }

  bool encode(const I420View& picture, int64_t rtp_time, bool force_keyframe, EncodedPicture& out) override {
    vpx_image_t image;
    vpx_img_wrap(&image, VPX_IMG_FMT_I420, static_cast<unsigned>(picture.size.width),
                 static_cast<unsigned>(picture.size.height), 1, const_cast<uint8_t*>(picture.y));
    image.planes[VPX_PLANE_Y] = const_cast<uint8_t*>(picture.y);
    image.planes[VPX_PLANE_U] = const_cast<uint8_t*>(picture.u);
    image.planes[VPX_PLANE_V] = const_cast<uint8_t*>(picture.v);
    image.stride[VPX_PLANE_Y] = picture.stride_y;
    image.stride[VPX_PLANE_U] = picture.stride_u;
    image.stride[VPX_PLANE_V] = picture.stride_v;
    bound_quantizer(force_keyframe);
    const vpx_enc_frame_flags_t flags = force_keyframe ? VPX_EFLAG_FORCE_KF : 0;
    if (vpx_codec_encode(&codec_, &image, rtp_time, duration_, flags, VPX_DL_REALTIME) != VPX_CODEC_OK) return false;
    vpx_codec_iter_t iterator = nullptr;
    bool any = false;
    for (int i = 0; i < 8; ++i) {
      const vpx_codec_cx_pkt_t* packet = vpx_codec_get_cx_data(&codec_, &iterator);
      if (!packet) break;
      if (packet->kind != VPX_CODEC_CX_FRAME_PKT) continue;
      const auto* bytes = static_cast<const uint8_t*>(packet->data.frame.buf);
      out.buffer = core::Buffer::copy_of({bytes, packet->data.frame.sz});
      out.keyframe = (packet->data.frame.flags & VPX_FRAME_IS_KEY) != 0;
      any = packet->data.frame.sz > 0;
      if (!out.keyframe) usual_bytes_ += (static_cast<double>(packet->data.frame.sz) - usual_bytes_) / 8;
    }
    return any;
  }

 private:
  VpxEncoder() = default;
  /// libvpx learns from keyframes alone how large one becomes, and takes the second one of a conversation for much
  /// larger than it is: the picture is blurred for a moment. What the pictures before it needed is a better guess, as
  /// long as they cost what they may: those of a still picture say nothing.
  void bound_quantizer(bool bound) {
    unsigned most = kMostQuantizer;
    int last = 0;
    const double mean = config_.rc_target_bitrate * 1000.0 / 8 * duration_ / 90'000;
    if (bound && usual_bytes_ > kBusy * mean &&
        vpx_codec_control(&codec_, VP8E_GET_LAST_QUANTIZER_64, &last) == VPX_CODEC_OK) {
      most = std::min(most, static_cast<unsigned>(last) + kCoarser);
    }
    if (most == config_.rc_max_quantizer) return;
    config_.rc_max_quantizer = most;
    vpx_codec_enc_config_set(&codec_, &config_);
  }
  vpx_codec_ctx_t codec_{};
  vpx_codec_enc_cfg_t config_{};
  bool open_ = false;
  double usual_bytes_ = 0;  ///< of pictures that are no keyframes, smoothed
  unsigned long duration_ = 3000;
};

}  // namespace

core::Result<std::unique_ptr<VideoEncoder>> make_vpx_encoder(const VideoRendition& rendition, EncoderEffort effort) {
  return VpxEncoder::open(rendition, effort);
}

}  // namespace partyline::mixer
