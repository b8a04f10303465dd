#include "tests/bench/mixer_floor.hpp"

#include <optional>
#include <thread>

#include "mixer/codec/video_decoder.hpp"
#include "mixer/video/video_core.hpp"
#include "tests/bench/bench_support.hpp"

extern "C" {
#include <x264.h>
}

namespace partyline::bench {
namespace {

constexpr float kMixGain = 0.3F;  // keeps the floor's mix away from clipping, as the room's limiter does

/// A tile's pictures in virtual time: what was decoded last.
struct LastPicture final : mixer::PictureFeed {
  std::optional<mixer::Picture> next;
  void set_wanted(bool, core::TimePoint) override {}
  std::optional<mixer::Picture> take_due(core::TimePoint, core::Duration) override { return std::exchange(next, {}); }
  std::optional<core::TimePoint> last_sent() const override { return core::TimePoint::max(); }
};

/// Encodes and throws away.
class ReferenceEncoder final : public mixer::VideoEncoder {
 public:
  ReferenceEncoder() {
    x264_param_t p;
    x264_param_default_preset(&p, "veryfast", "zerolatency");
    p.i_log_level = X264_LOG_NONE;
    p.i_threads = 1;
    p.b_sliced_threads = 0;
    p.i_width = 1280;
    p.i_height = 720;
    p.i_csp = X264_CSP_I420;
    p.i_fps_num = 30;
    p.i_fps_den = 1;
    p.b_vfr_input = 0;
    p.i_keyint_max = 120;
    p.rc.i_rc_method = X264_RC_ABR;
    p.rc.i_bitrate = p.rc.i_vbv_max_bitrate = 2100;
    p.rc.i_vbv_buffer_size = 1050;
    x264_param_apply_profile(&p, "baseline");
    encoder_ = x264_encoder_open(&p);
    if (!encoder_) std::exit(1);
  }
  ~ReferenceEncoder() override { x264_encoder_close(encoder_); }
  ReferenceEncoder(const ReferenceEncoder&) = delete;
  ReferenceEncoder& operator=(const ReferenceEncoder&) = delete;
  void set_bitrate(core::Bitrate) override {}  // the floor has one

  bool encode(const mixer::I420View& picture, int64_t, bool, mixer::EncodedPicture&) override {
    x264_picture_t in, out;
    x264_picture_init(&in);
    in.i_pts = count_++;
    in.img.i_csp = X264_CSP_I420;
    in.img.i_plane = 3;
    const uint8_t* const planes[] = {picture.y, picture.u, picture.v};
    const int strides[] = {picture.stride_y, picture.stride_u, picture.stride_v};
    for (int i = 0; i < 3; ++i) {
      in.img.plane[i] = const_cast<uint8_t*>(planes[i]);  // only read
      in.img.i_stride[i] = strides[i];
    }
    x264_nal_t* nals = nullptr;
    int count = 0;
    return x264_encoder_encode(encoder_, &nals, &count, &in, &out) > 0;
  }

 private:
  x264_t* encoder_ = nullptr;
  int64_t count_ = 0;
};

}  // namespace

double video_floor(const Case& what, Library& library, mixer::VideoEncoder& encoder, Pace pace) {
  mixer::VideoCore core({});
  const mixer::VideoRendition rendition;
  core.add_output(1, rendition, std::make_shared<mixer::OutputGate>(nullptr));
  std::vector<std::unique_ptr<mixer::VideoDecoder>> decoders;
  std::vector<std::shared_ptr<LastPicture>> feeds;
  for (int i = 0; i < what.members; ++i) {
    decoders.push_back(must(mixer::make_video_decoder(core::Codec::h264)));
    feeds.push_back(std::make_shared<LastPicture>());
    core.add_tile(static_cast<uint64_t>(i) + 1, fmt::format("Member {}", i + 1), true, feeds.back());
  }
  std::vector<Stream> streams;
  for (int i = 0; i < what.members; ++i) {
    streams.push_back({&library.camera(i), nullptr, kVideoInterval, kVideoInterval * i / what.members, 0});
  }
  ThreadCpu warm_up, measured;
  const core::TimePoint origin(1h), begin = core::Clock::now();
  const auto wait_for = [&](core::Duration due) {
    if (pace == Pace::real_time) std::this_thread::sleep_until(begin + due);
  };
  for (core::Duration time{}; time < kWarmUp + what.length; time += core.frame_interval()) {
    ThreadCpu& cpu = time < kWarmUp ? warm_up : measured;
    for (size_t i = 0; i < streams.size(); ++i) {
      for (Stream& stream = streams[i]; stream.start + stream.sent * stream.interval <= time;) {
        const auto& frame = (*stream.reel)[static_cast<size_t>(stream.sent++) % stream.reel->size()];
        mixer::Picture picture;
        wait_for(stream.start + (stream.sent - 1) * stream.interval);
        cpu.start();
        const bool whole = decoders[i]->decode(frame, picture) == mixer::DecodeStatus::picture;
        cpu.stop();
        if (whole) feeds[i]->next = std::move(picture);
      }
    }
    for (const mixer::EncodeJob& job : core.tick(origin + time)) {
      mixer::EncodedPicture encoded;
      wait_for(time);
      cpu.start();
      encoder.encode(job.picture.view(), time / 1ms * 90, job.keyframe, encoded);
      cpu.stop();
    }
    for (const auto& key : core.gallery().take_wishes()) {
      core.gallery().hang(key, mixer::draw_art(key, mixer::EngineConfig().font));
    }
  }
  return measured.seconds() / what.seconds();
}

double audio_floor(const Case& what, Library& library) {
  const mixer::AudioCodecRow* row = mixer::find_audio_codec(what.audio);
  mixer::AudioEncoderConfig config;
  config.packet_samples = row->sample_rate / 50;
  config.bitrate = what.audio == core::Codec::opus ? mixer::RoomConfig().opus_bitrate : row->default_bitrate;
  const auto samples = static_cast<size_t>(config.packet_samples), members = static_cast<size_t>(what.members);
  std::vector<std::unique_ptr<mixer::AudioDecoder>> decoders;
  std::vector<std::unique_ptr<mixer::AudioEncoder>> encoders;
  for (size_t i = 0; i < members; ++i) decoders.push_back(row->make_decoder());
  // Everybody who talks hears a mix of his own; all the others hear the same.
  const auto mixes = static_cast<size_t>(std::min(what.talking + 1, what.members));
  for (size_t i = 0; i < mixes; ++i) encoders.push_back(must(row->make_encoder(config)));
  std::vector<std::vector<float>> voices(members, std::vector<float>(samples * mixer::kMaxPacketMs / 20));
  std::vector<float> all(samples), others(samples);
  std::vector<uint8_t> packet(mixer::kMaxEncodedAudio);
  ThreadCpu cpu;
  const auto ticks = static_cast<size_t>(what.length / kAudioInterval);
  for (size_t tick = 0; tick < ticks; ++tick) {
    std::fill(all.begin(), all.end(), 0.0F);
    for (size_t i = 0; i < members; ++i) {
      const bool talking = static_cast<int>(i) < what.talking;
      // Of who is silent one packet a second is owed: that says how loud he is (mixer::DecodeGate).
      if (!talking && what.audio == core::Codec::opus && tick % 50 != i % 50) continue;
      const Reel& reel = library.voice(what.audio, static_cast<int>(i), talking);
      cpu.start();
      decoders[i]->decode(reel[tick % reel.size()].data, voices[i]);
      cpu.stop();
      for (size_t s = 0; s < samples; ++s) all[s] += voices[i][s];
    }
    for (size_t i = 0; i < mixes; ++i) {
      for (size_t s = 0; s < samples; ++s) others[s] = kMixGain * (all[s] - voices[i][s]);
      cpu.start();
      encoders[i]->encode(others, packet);
      cpu.stop();
    }
  }
  return cpu.seconds() / what.seconds();
}

std::unique_ptr<mixer::VideoEncoder> make_reference_encoder() {
  return std::make_unique<ReferenceEncoder>();
}

}  // namespace partyline::bench
