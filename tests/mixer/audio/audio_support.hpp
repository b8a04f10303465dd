// Virtual time for the audio tests: a talker that packetises a signal, a listener that decodes what it gets, and the
// room between them.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <numbers>
#include <vector>

#include "mixer/audio/audio_room.hpp"

namespace partyline::mixer::testing {

using namespace std::chrono_literals;
using core::Codec;
using core::TimePoint;

/// Amplitude of `hz` in `pcm` (Goertzel): 1 for a full-scale sine.
inline double tone_level(std::span<const float> pcm, double hz, int rate = kSampleRate) {
  const double w = 2 * std::numbers::pi * hz / rate;
  double re = 0;
  double im = 0;
  for (size_t i = 0; i < pcm.size(); ++i) {
    re += pcm[i] * std::cos(w * static_cast<double>(i));
    im += pcm[i] * std::sin(w * static_cast<double>(i));
  }
  return 2 * std::sqrt(re * re + im * im) / static_cast<double>(pcm.size());
}

using Signal = std::function<float(int64_t)>;  ///< sample number at 48 kHz → value

inline Signal sine(double hz, double amplitude = 0.25) {
  return [=](int64_t n) {
    return static_cast<float>(amplitude * std::sin(2 * std::numbers::pi * hz * static_cast<double>(n) / kSampleRate));
  };
}
inline Signal silence() {
  return [](int64_t) { return 0.0F; };
}

/// Makes packets of a signal, in order; what becomes of them on the way is the test's business.
class Talker {
 public:
  Talker(Codec codec, Signal signal, int packet_ms = 20, int64_t first_rtp = 0, int64_t first_sequence = 0)
      : codec_(codec), signal_(std::move(signal)), packet_ms_(packet_ms), rtp_(first_rtp), sequence_(first_sequence) {
    const AudioCodecRow& row = *find_audio_codec(codec);
    rate_ = row.sample_rate;
    AudioEncoderConfig config;
    config.bitrate = row.default_bitrate;
    config.packet_samples = packet_ms * rate_ / 1000;
    config.expected_loss = fec_wanted() ? 10 : 0;
    encoder_ = std::move(row.make_encoder(config).value());
  }
  static bool& fec_wanted() {
    static bool wanted = false;
    return wanted;
  }

  /// The next packet, captured at `capture` and received at `arrival`.
  core::EncodedFrame next(TimePoint capture, TimePoint arrival) {
    std::vector<float> pcm(static_cast<size_t>(packet_ms_ * rate_ / 1000));
    for (float& sample : pcm) {
      sample = signal_(position_);
      position_ += kSampleRate / rate_;
    }
    core::EncodedFrame frame;
    frame.codec = codec_;
    frame.buffer = core::Buffer::allocate(kMaxEncodedAudio);
    const size_t bytes = encoder_->encode(pcm, {frame.buffer.data(), kMaxEncodedAudio});
    frame.buffer.resize(bytes);
    frame.data = frame.buffer.span();
    frame.capture = capture;
    frame.arrival = arrival;
    frame.sequence = sequence_++;
    frame.rtp_time = rtp_;
    rtp_ += packet_ms_ * static_cast<int64_t>(core::clock_rate_of(codec_)) / 1000;
    return frame;
  }
  /// DTX: time passes, no packet is made.
  void skip() {
    position_ += packet_ms_ * kSamplesPerMs;
    rtp_ += packet_ms_ * static_cast<int64_t>(core::clock_rate_of(codec_)) / 1000;
  }
  /// The number of a packet that is made elsewhere.
  int64_t take_sequence() { return sequence_++; }
  void set_signal(Signal signal) { signal_ = std::move(signal); }
  int64_t position() const { return position_; }

 private:
  Codec codec_;
  Signal signal_;
  int packet_ms_;
  int rate_ = 0;
  int64_t position_ = 0, rtp_, sequence_;
  std::unique_ptr<AudioEncoder> encoder_;
};

/// Decodes what a room sends, to 48 kHz.
class Listener final : public core::FrameSink {
 public:
  void push(const core::EncodedFrame& frame) override {
    frames.push_back(frame);
    const AudioCodecRow& row = *find_audio_codec(frame.codec);
    if (!row.make_decoder) return;
    if (!decoder_) {
      decoder_ = row.make_decoder();
      resampler_ = std::make_unique<Resampler>(row.sample_rate, kSampleRate);
    }
    std::vector<float> native(static_cast<size_t>(row.sample_rate) / 1000 * kMaxPacketMs);
    const int samples = decoder_->decode(frame.data, native);
    ASSERT_GT(samples, 0);
    const size_t before = pcm.size();
    pcm.resize(before + static_cast<size_t>(samples * (kSampleRate / row.sample_rate)));
    resampler_->process({native.data(), static_cast<size_t>(samples)}, {pcm.data() + before, pcm.size() - before});
  }
  std::span<const float> last_ms(int64_t ms) const {
    const auto count = static_cast<size_t>(ms * kSamplesPerMs);
    return std::span<const float>(pcm).last(std::min(count, pcm.size()));
  }

  std::vector<core::EncodedFrame> frames;
  std::vector<float> pcm;

 private:
  std::unique_ptr<AudioDecoder> decoder_;
  std::unique_ptr<Resampler> resampler_;
};

/// The tick of a source.
inline std::span<const float> at_48_khz(AudioSource& source) {
  source.hears_at(kSampleRate);
  return source.samples_at(kSampleRate);
}
inline void hear(AudioSource& source, std::vector<float>& heard) {
  const auto tick = at_48_khz(source);
  heard.insert(heard.end(), tick.begin(), tick.end());
}

/// The largest step between neighbouring samples: a click is one.
inline float largest_step(std::span<const float> pcm) {
  float step = 0;
  for (size_t i = 1; i < pcm.size(); ++i) step = std::max(step, std::fabs(pcm[i] - pcm[i - 1]));
  return step;
}

/// The largest change of such steps: a click too soft to be the largest step is still the sharpest bend.
inline float largest_bend(std::span<const float> pcm) {
  float bend = 0;
  for (size_t i = 2; i < pcm.size(); ++i) bend = std::max(bend, std::fabs(pcm[i] - 2 * pcm[i - 1] + pcm[i - 2]));
  return bend;
}

constexpr TimePoint kStart = TimePoint(1000s);

/// One seat of a simulated room: a talker whose packets take `delay` after they are complete.
struct Phone {
  uint64_t member = 0;
  std::shared_ptr<AudioSource> source;
  std::unique_ptr<Talker> talker;
  std::shared_ptr<Listener> ear;
  core::Duration phase = 5ms;  ///< after the tick

  void join(AudioRoom& room, uint64_t id, std::unique_ptr<Talker> mouth, std::optional<AudioFormat> format) {
    member = id;
    source = room.add_source(id);
    talker = std::move(mouth);
    if (!format) return;
    ear = std::make_shared<Listener>();
    ASSERT_TRUE(room.add_output(id, id, *format, ear));
  }
  void send(TimePoint tick) {
    if (talker) source->push(talker->next(tick + phase - kTick, tick + phase));
  }
};

/// Runs `ticks` ticks in which each phone sends 20 ms.
inline TimePoint run(AudioRoom& room, std::vector<Phone*> phones, TimePoint from, int ticks) {
  for (int i = 0; i < ticks; ++i) {
    for (Phone* phone : phones) phone->send(from);
    from += kTick;
    room.tick(from);
  }
  return from;
}

}  // namespace partyline::mixer::testing
