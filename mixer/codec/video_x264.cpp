#include <cstring>
#include <string>

#include "mixer/codec/video_encoder.hpp"

extern "C" {
#include <x264.h>
}

namespace partyline::mixer {
namespace {

// Measured on a 2x2 canvas of 720p30 at 2 Mbit/s: veryfast gains 0.1 to 0.6 dB (SSIM 0.963 to 0.966) for half as much
// processor time again; ultrafast loses 0.2 to 0.3 dB (SSIM 0.951) to save a quarter.
constexpr const char* kPreset = "superfast";
constexpr const char* kLeastPreset = "ultrafast";
// x264 gives a keyframe half of it: 4.5 mean pictures. Twice as much makes it 12 of them, which keeps a line of the
// stream's own rate busy for 0.4 s; it gains 2 dB in that one picture and loses them over the next second.
constexpr double kBufferSeconds = 0.3;
constexpr int kSliceSizeReserve = 16;  // x264 estimates escaping and start code; keep clear of the limit

struct EncoderDeleter {
  void operator()(x264_t* p) const { x264_encoder_close(p); }
};

void set_rate(x264_param_t& p, core::Bitrate bitrate) {
  const int kbps = static_cast<int>(bitrate.bits_per_second / 1000);
  p.rc.i_bitrate = kbps;
  p.rc.i_vbv_max_bitrate = kbps;
  p.rc.i_vbv_buffer_size = static_cast<int>(kbps * kBufferSeconds);
}

core::Result<x264_param_t> parameters_for(const VideoRendition& rendition, EncoderEffort effort) {
  x264_param_t p;
  if (x264_param_default_preset(&p, effort == EncoderEffort::least ? kLeastPreset : kPreset, "zerolatency") < 0) {
    return core::make_error(core::ErrorCode::internal, "x264 does not know its preset");
  }
  p.i_log_level = X264_LOG_NONE;
  p.i_threads = 1;
  p.b_sliced_threads = 0;
  p.i_width = rendition.size.width;
  p.i_height = rendition.size.height;
  p.i_csp = X264_CSP_I420;
  p.i_fps_num = static_cast<uint32_t>(rendition.frames_per_second);
  p.i_fps_den = 1;
  p.b_vfr_input = 0;
  p.i_keyint_max = X264_KEYINT_MAX_INFINITE;  // the caller says when
  p.i_scenecut_threshold = 0;                 // a cut costs no more as a P-picture
  p.b_intra_refresh = 0;
  p.i_bframe = 0;
  p.b_repeat_headers = 1;
  p.b_annexb = 1;
  p.b_aud = 0;
  p.i_slice_max_size = rendition.max_nal_bytes > 0 ? rendition.max_nal_bytes - kSliceSizeReserve : 0;
  p.rc.i_rc_method = X264_RC_ABR;
  set_rate(p, rendition.bitrate);
  p.i_level_idc = h264_level(rendition.size, rendition.frames_per_second, rendition.bitrate);
  p.vui.b_fullrange = 0;
  p.vui.i_colorprim = 6;  // SMPTE 170M: the canvas is BT.601
  p.vui.i_transfer = 6;
  p.vui.i_colmatrix = 6;
  // The profile's name here is "baseline"; without flexible macroblock order x264's is the constrained one (and says
  // so with constraint_set1_flag).
  if (x264_param_apply_profile(&p, "baseline") < 0) {
    return core::make_error(core::ErrorCode::internal, "x264 does not take the baseline profile");
  }
  return p;
}

class X264Encoder final : public VideoEncoder {
 public:
  explicit X264Encoder(x264_t* encoder) : encoder_(encoder) {}

  void set_bitrate(core::Bitrate bitrate) override {
    x264_param_t p;
    x264_encoder_parameters(encoder_.get(), &p);
    set_rate(p, bitrate);
    x264_encoder_reconfig(encoder_.get(), &p);
  }

  bool encode(const I420View& picture, int64_t, bool force_keyframe, EncodedPicture& out) override {
    x264_picture_t in;
    x264_picture_t reconstructed;
    x264_picture_init(&in);
    in.i_type = force_keyframe ? X264_TYPE_IDR : X264_TYPE_AUTO;
    in.i_pts = count_++;
    in.img.i_csp = X264_CSP_I420;
    in.img.i_plane = 3;
    // x264 only reads what it is given here.
    in.img.plane[0] = const_cast<uint8_t*>(picture.y);
    in.img.plane[1] = const_cast<uint8_t*>(picture.u);
    in.img.plane[2] = const_cast<uint8_t*>(picture.v);
    in.img.i_stride[0] = picture.stride_y;
    in.img.i_stride[1] = picture.stride_u;
    in.img.i_stride[2] = picture.stride_v;
    x264_nal_t* nals = nullptr;
    int nal_count = 0;
    const int size = x264_encoder_encode(encoder_.get(), &nals, &nal_count, &in, &reconstructed);
    if (size <= 0) return false;
    out.buffer = core::Buffer::allocate(static_cast<size_t>(size));
    size_t written = 0;
    for (int i = 0; i < nal_count; ++i) {
      if (nals[i].i_type == NAL_SEI) continue;  // only x264's business card: 600 bytes that help nobody
      std::memcpy(out.buffer.data() + written, nals[i].p_payload, static_cast<size_t>(nals[i].i_payload));
      written += static_cast<size_t>(nals[i].i_payload);
    }
    out.buffer.resize(written);
    out.keyframe = reconstructed.b_keyframe != 0;
    return written > 0;
  }

 private:
  std::unique_ptr<x264_t, EncoderDeleter> encoder_;
  int64_t count_ = 0;
};

}  // namespace

core::Result<std::unique_ptr<VideoEncoder>> make_x264_encoder(const VideoRendition& rendition, EncoderEffort effort) {
  auto parameters = parameters_for(rendition, effort);
  if (!parameters) return parameters.error();
  x264_t* encoder = x264_encoder_open(&*parameters);
  if (!encoder) return core::make_error(core::ErrorCode::internal, "x264 cannot open an encoder");
  return std::unique_ptr<VideoEncoder>(new X264Encoder(encoder));
}

}  // namespace partyline::mixer
