// VoicePath: one talker, a network and one pair of ears, in virtual time:
//
//   signal ─▶ encoder ─▶ Session ─▶ FakeLink ─▶ Session ─▶ AudioSource ─▶ heard
//              ▲ loss told │ ◀───── FakeLink ◀───── │ reports, NACK
//
// The talker's clock may be off; everything he knows of time is in his own. Thread: one.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <numbers>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mixer/audio/audio_source.hpp"
#include "mixer/codec/audio_codec.hpp"
#include "rtp/packet.hpp"
#include "rtp/remote_clock.hpp"
#include "rtp/session.hpp"
#include "tests/support/fake_link.hpp"
#include "tests/support/key_pad.hpp"

namespace partyline::test {

using namespace std::chrono_literals;
using core::TimePoint;

inline double ms(core::Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

/// Two seconds of something like a voice at 48 kHz, to be repeated: syllables of gliding pitch; with pauses, or without
/// ever being silent. Peak 0.5.
inline std::vector<float> voice_like(bool pauses = true) {
  std::vector<float> pcm(96000);
  double phase = 0;
  for (size_t i = 0; i < pcm.size(); ++i) {
    const double t = static_cast<double>(i) / 48000;
    const double syllable = std::fmod(t * 4, 1.0);  // four a second, the last of each eight is a pause
    const bool pause = static_cast<int>(t * 4) % 8 == 7;
    phase += 2 * std::numbers::pi * (110 + 40 * std::sin(t * 2 * std::numbers::pi) + 20 * syllable) / 48000;
    double sum = 0;
    for (int h = 1; h <= 12; ++h) {
      const double hz = h * 120.0;
      const double formant = std::exp(-std::pow((hz - 600) / 400, 2)) + 0.4 * std::exp(-std::pow((hz - 1300) / 300, 2));
      sum += (0.1 + formant) * std::sin(h * phase);
    }
    double envelope = pause ? 0 : std::pow(std::sin(std::numbers::pi * syllable), 0.7);
    if (!pauses) envelope = 0.3 + 0.7 * std::sin(std::numbers::pi * syllable);
    pcm[i] = static_cast<float>(envelope * sum);
  }
  const float peak = mixer::peak_of(pcm);
  for (float& sample : pcm) sample *= 0.5F / peak;
  return pcm;
}

inline std::vector<float> tone(double hz, double amplitude = 0.25, double seconds = 1) {
  std::vector<float> pcm(static_cast<size_t>(48000 * seconds));
  for (size_t i = 0; i < pcm.size(); ++i) {
    pcm[i] = static_cast<float>(amplitude * std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / 48000));
  }
  return pcm;
}

struct VoicePathSettings {
  core::Codec codec = core::Codec::opus;
  int packet_ms = 20;
  std::vector<float> signal = voice_like();  ///< 48 kHz, repeated for ever
  FakeLink::Settings link{};                 ///< talker → listener
  FakeLink::Settings back{};                 ///< listener → talker
  uint32_t seed = 1;
  core::Duration phase = 7ms;  ///< of the packets, after the ticks
  double ppm = 0;              ///< how much faster the talker's clock runs
  bool in_band_fec = false;
  bool keep_heard = true;
  /// What reaches the ears is marked with the moment it was spoken instead of what the sessions make of it: then
  /// AudioSource::playout_delay() is the true delay from mouth to ear.
  bool true_capture = true;
  std::shared_ptr<rtp::RemoteClock> clock;  ///< the listener's; null: one of his own
  bool reports = true;                      ///< the talker's RTCP reaches the listener
  std::function<void(rtp::TrackConfig&)> prepare = [](rtp::TrackConfig&) {};  ///< what the two have agreed
};

class VoicePath {
 public:
  explicit VoicePath(VoicePathSettings with)
      : settings(std::move(with)), forward(settings.link, settings.seed), backward(settings.back, settings.seed + 1) {
    talker_.path = listener_.path = this;
    const mixer::AudioCodecRow& row = *mixer::find_audio_codec(settings.codec);
    rate_ = row.sample_rate;
    mixer::AudioEncoderConfig config;
    config.bitrate = row.default_bitrate;
    config.packet_samples = settings.packet_ms * rate_ / 1000;
    config.expected_loss = settings.in_band_fec ? 10 : 0;
    encoder_ = std::move(row.make_encoder(config).value());
    pcm_.resize(static_cast<size_t>(config.packet_samples));
    rtp::TrackConfig track;
    track.mid = "0";
    track.sending = track.receiving = true;
    rtp::PayloadFormat format;
    format.payload_type = 111;
    format.codec = settings.codec;
    track.receive_formats = {format};
    track.send_format = format;
    settings.prepare(track);
    rtp::SessionConfig session;
    session.tracks = {track};
    talker_.session = std::make_unique<rtp::Session>(session, talker_, local(now));
    session.remote_clock = settings.clock;
    listener_.session = std::make_unique<rtp::Session>(session, listener_, now);
    ears.hears_at(mixer::kSampleRate);
  }

  /// Lets time pass, a tick of the ears at a time.
  void run(core::Duration duration) {
    for (const TimePoint end = now + duration; now < end;) {
      const TimePoint tick = now + mixer::kTick;
      for (int slice = 0; slice < 4; ++slice) {
        now += mixer::kTick / 4;
        speak();
        forward.deliver(now, [&](auto packet, TimePoint at) { receive(*listener_.session, packet, at); });
        backward.deliver(now, [&](auto packet, TimePoint at) { receive(*talker_.session, packet, local(at)); });
        if (now >= talker_due_) talker_due_ = now + (talker_.session->tick(local(now)) - local(now));
        if (now >= listener_due_) listener_due_ = listener_.session->tick(now);
      }
      ears.tick(tick);
      const auto block = ears.samples_at(mixer::kSampleRate);
      if (settings.keep_heard) heard.insert(heard.end(), block.begin(), block.end());
      if (on_tick) on_tick();
    }
  }
  std::span<const float> last(core::Duration duration) const {
    const auto samples = static_cast<size_t>(duration / std::chrono::milliseconds(1) * mixer::kSamplesPerMs);
    return std::span<const float>(heard).last(std::min(samples, heard.size()));
  }
  /// The talker's clock at a moment of ours, and back.
  TimePoint local(TimePoint time) const {
    return kBegin +
           core::Duration(std::llround(static_cast<double>((time - kBegin).count()) * (1 + settings.ppm * 1e-6)));
  }
  TimePoint global(TimePoint local) const {
    return kBegin +
           core::Duration(std::llround(static_cast<double>((local - kBegin).count()) / (1 + settings.ppm * 1e-6)));
  }
  rtp::Session& talker_session() { return *talker_.session; }
  rtp::Session& listener_session() { return *listener_.session; }

  static constexpr TimePoint kBegin = TimePoint(1000s);

  VoicePathSettings settings;
  TimePoint now = kBegin;
  FakeLink forward, backward;
  mixer::AudioSource ears{1};
  std::vector<float> heard;
  std::function<void()> on_tick = [] {};
  /// False: the packet that begins at this sample (48 kHz) is not sent and leaves no hole in the sequence (DTX).
  std::function<bool(int64_t)> speaks = [](int64_t) { return true; };
  std::function<void(const core::EncodedFrame&)> on_frame = [](const core::EncodedFrame&) {};
  int64_t spoken = 0;  ///< packets sent
  KeyPad keys;         ///< the talker's
  std::string digits;  ///< pressed, as the listener noticed them

 private:
  struct Side final : rtp::SessionEvents {
    void send_rtp(std::span<const uint8_t> packet) override {
      if (this == &path->talker_ && !path->origin_) path->origin_ = rtp::parse_packet(packet)->timestamp.value;
      if (this == &path->talker_) return path->keys.pass(packet, [this](auto each) { send(each); });
      send(packet);
    }
    void send_rtcp(std::span<const uint8_t> packet) override {
      if (this == &path->listener_ || path->settings.reports) send(packet);
    }
    void send(std::span<const uint8_t> packet) {
      (this == &path->talker_ ? path->forward : path->backward).send(packet, path->sending_at_);
    }
    void on_frame(const core::EncodedFrame& frame) override { path->hear(frame); }
    void on_digit(char digit) override { path->digits += digit; }
    void on_keyframe_request() override {}
    void on_target_bitrate(core::Bitrate) override {}

    VoicePath* path = nullptr;
    std::unique_ptr<rtp::Session> session;
  };

  void speak() {
    const auto packet = std::chrono::milliseconds(settings.packet_ms);
    for (;;) {
      const TimePoint begins = kBegin + settings.phase + packet * number_;  // his time
      const TimePoint complete = global(begins + packet);
      if (complete > now) break;
      const int64_t sample = number_++ * settings.packet_ms * mixer::kSamplesPerMs;
      if (!speaks(sample)) continue;
      for (size_t i = 0; i < pcm_.size(); ++i) {
        const auto at = static_cast<size_t>(sample) + i * static_cast<size_t>(mixer::kSampleRate / rate_);
        pcm_[i] = settings.signal[at % settings.signal.size()];
      }
      core::EncodedFrame frame;
      frame.codec = settings.codec;
      frame.buffer = core::Buffer::allocate(mixer::kMaxEncodedAudio);
      frame.buffer.resize(encoder_->encode(pcm_, {frame.buffer.data(), mixer::kMaxEncodedAudio}));
      frame.data = frame.buffer.span();
      frame.capture = begins;
      frame.rtp_time = sample / (mixer::kSampleRate / static_cast<int64_t>(core::clock_rate_of(settings.codec)));
      sending_at_ = complete;
      if (spoken == 0) first_ = begins;
      talker_.session->send(frame, local(complete));
      ++spoken;
    }
    sending_at_ = now;
  }

  void receive(rtp::Session& session, std::span<const uint8_t> packet, TimePoint at) {
    if (rtp::is_rtcp(packet)) {
      session.receive_rtcp(packet, at);
    } else {
      session.receive_rtp(core::Buffer::copy_of(packet), at);
    }
  }

  void hear(core::EncodedFrame frame) {
    if (settings.true_capture) {
      // RTP time on the wire counts from a random start, known from the first packet sent.
      const auto units = static_cast<int32_t>(static_cast<uint32_t>(frame.rtp_time) - *origin_);
      const int64_t rate = core::clock_rate_of(settings.codec);
      frame.capture = global(first_ + std::chrono::nanoseconds(units * (1'000'000'000 / rate)));
    }
    on_frame(frame);
    ears.push(frame);
  }

  Side talker_, listener_;
  std::unique_ptr<mixer::AudioEncoder> encoder_;
  int rate_ = 0;
  std::vector<float> pcm_;
  int64_t number_ = 0;
  TimePoint sending_at_ = kBegin, talker_due_{}, listener_due_{};
  std::optional<uint32_t> origin_;  // RTP time on the wire of the first packet, which began at …
  TimePoint first_{};               // … this
};

}  // namespace partyline::test
