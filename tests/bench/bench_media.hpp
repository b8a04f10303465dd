// Media for benchmarks, made and encoded beforehand: reels of frames that are played round and round, and the feeder
// that plays them in real time.
//
// Thread: reels are never changed once made; play() runs on its caller's thread until it is done.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <numbers>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "core/frame.hpp"
#include "mixer/audio/pcm.hpp"
#include "mixer/codec/audio_codec.hpp"
#include "mixer/codec/video_encoder.hpp"

namespace partyline::bench {

using namespace std::chrono_literals;
using Reel = std::vector<core::EncodedFrame>;

inline constexpr core::VideoSize kCameraSize{640, 360};
inline constexpr int kCameraRate = 25;        // frames a second
inline constexpr int kCameraFrames = 100;     // of a reel
inline constexpr int kCameraKeyframes = 50;   // every so many frames
inline constexpr size_t kAudioPackets = 100;  // of a reel: 2 s of 20 ms each

/// Ends the program: a benchmark without its codecs measures nothing.
template <class T>
T must(core::Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "bench: %s\n", result.error().message.c_str());
  std::exit(1);
}

/// A textured background that pans and blocks that move across it, in a period of kCameraFrames.
class Scene {
 public:
  explicit Scene(unsigned seed) : random_(seed), texture_(kSide * kSide) {
    std::vector<float> fine(texture_.size());
    std::uniform_real_distribution<float> noise(-24, 24);
    for (float& value : fine) value = noise(random_);
    for (int y = 0; y < kSide; ++y) {
      for (int x = 0; x < kSide; ++x) {
        // Softened noise: grain as of a camera, not of a dice cup.
        const float grain = (fine[at(x, y)] + fine[at(x + 1, y)] + fine[at(x, y + 1)] + fine[at(x + 1, y + 1)]) / 2;
        const double wave = 40 * std::sin(kTurn * (3 * x + 5 * y) / kSide) + 30 * std::sin(kTurn * (11 * x) / kSide);
        texture_[at(x, y)] = static_cast<uint8_t>(std::clamp(126 + wave + grain, 16.0, 235.0));
      }
    }
    for (Block& block : blocks_) {
      block = {static_cast<int>(random_() % kSide), static_cast<int>(random_() % kSide),
               static_cast<int>(1 + random_() % 2), static_cast<uint8_t>(60 + random_() % 130)};
    }
  }

  void draw(mixer::I420Image& image, int frame) const {
    const int pan = kSide * frame / kCameraFrames;
    const auto [width, height] = image.size();
    for (int y = 0; y < height; ++y) {
      uint8_t* row = image.y() + y * image.stride_y();
      for (int x = 0; x < width; ++x) row[x] = texture_[at(x + pan, y + pan / 4 * 4)];
    }
    for (int y = 0; y < height / 2; ++y) {
      for (int x = 0; x < width / 2; ++x) {
        image.u()[y * image.stride_uv() + x] = static_cast<uint8_t>(100 + ((x + pan / 2) & 63));
        image.v()[y * image.stride_uv() + x] = static_cast<uint8_t>(110 + (y & 31));
      }
    }
    for (const Block& block : blocks_) {
      const int left = (block.x + kSide * block.speed * frame / kCameraFrames) % kSide;
      for (int y = 0; y < kBlock; ++y) {
        const int line = (block.y + y) % height;
        for (int x = left; x < std::min(left + kBlock, width); ++x) {
          image.y()[line * image.stride_y() + x] = static_cast<uint8_t>(block.shade + ((x ^ y) & 31));
        }
      }
    }
  }

 private:
  static constexpr int kSide = 512, kBlock = 56;
  static constexpr double kTurn = 2 * std::numbers::pi;
  struct Block {
    int x = 0, y = 0, speed = 0;
    uint8_t shade = 0;
  };
  static size_t at(int x, int y) { return static_cast<size_t>(y & (kSide - 1)) * kSide + (x & (kSide - 1)); }

  std::mt19937 random_;
  std::vector<uint8_t> texture_;
  std::array<Block, 10> blocks_;
};

inline Reel make_camera_reel(unsigned seed, core::VideoSize size = kCameraSize,
                             core::Bitrate bitrate = core::Bitrate::kbps(600)) {
  const Scene scene(seed);
  auto encoder = must(mixer::make_video_encoder({core::Codec::h264, size, kCameraRate, bitrate, 0}));
  mixer::I420Image image(size);
  Reel reel;
  for (int i = 0; i < kCameraFrames; ++i) {
    scene.draw(image, i);
    mixer::EncodedPicture encoded;
    if (!encoder->encode(image.view(), i * 3600, i % kCameraKeyframes == 0, encoded)) continue;
    core::EncodedFrame frame;
    frame.codec = core::Codec::h264;
    frame.buffer = std::move(encoded.buffer);
    frame.data = std::as_const(frame.buffer).span();
    frame.keyframe = encoded.keyframe;
    reel.push_back(std::move(frame));
  }
  return reel;
}

/// 20 ms packets of a voice without pauses (harmonics that swell with the syllables), or of an open microphone in a
/// silent room.
inline Reel make_voice_reel(core::Codec codec, unsigned seed, bool talking) {
  const mixer::AudioCodecRow* row = mixer::find_audio_codec(codec);
  mixer::AudioEncoderConfig config;
  config.packet_samples = row->sample_rate / 50;
  config.bitrate = codec == core::Codec::opus ? core::Bitrate::kbps(32) : row->default_bitrate;
  const auto encoder = must(row->make_encoder(config));
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> noise(-1e-4F, 1e-4F);  // -85 dBov
  const double pitch = 100 + random() % 140, rhythm = 3 + random() % 3;
  std::vector<float> pcm(static_cast<size_t>(config.packet_samples));
  Reel reel;
  int64_t position = 0;
  for (size_t i = 0; i < kAudioPackets; ++i) {
    for (float& sample : pcm) {
      const double t = static_cast<double>(position++) / row->sample_rate * 2 * std::numbers::pi;
      double voice = 0;
      for (int h = 1; h <= 12; ++h) voice += std::sin(h * pitch * t + h * h) / h;
      sample = noise(random) + (talking ? static_cast<float>(0.06 * (1 - 0.7 * std::cos(rhythm * t)) * voice) : 0.0F);
    }
    core::EncodedFrame frame;
    frame.codec = codec;
    frame.buffer = core::Buffer::allocate(mixer::kMaxEncodedAudio);
    frame.buffer.resize(encoder->encode(pcm, {frame.buffer.data(), mixer::kMaxEncodedAudio}));
    frame.data = std::as_const(frame.buffer).span();
    reel.push_back(std::move(frame));
  }
  return reel;
}

/// One sender's stream: `start` is where in the second it begins, so that not everybody sends at once.
struct Stream {
  const Reel* reel = nullptr;
  core::FrameSink* sink = nullptr;
  core::Duration interval{}, start{};
  int64_t sent = 0;
};

/// Plays the streams from now on in steps of 5 ms, as a network thread would wake up for its packets. `at_mark` is
/// called once, `mark` after the start; play() returns `length` after that.
template <class AtMark>
void play(std::vector<Stream>& streams, core::Duration mark, core::Duration length, AtMark at_mark) {
  const core::TimePoint origin = core::Clock::now();
  bool marked = false;
  for (core::Duration time{}; time < mark + length; time += 5ms) {
    std::this_thread::sleep_until(origin + time);
    if (!marked && time >= mark) {
      marked = true;
      at_mark();
    }
    for (Stream& stream : streams) {
      while (stream.start + stream.sent * stream.interval <= time) {
        core::EncodedFrame frame = (*stream.reel)[static_cast<size_t>(stream.sent) % stream.reel->size()];
        frame.capture = frame.arrival = core::Clock::now();
        frame.rtp_time = core::clock_rate_of(frame.codec) * (stream.sent * stream.interval / 1ms) / 1000;
        frame.sequence = stream.sent++;
        stream.sink->push(frame);
      }
    }
  }
  std::this_thread::sleep_until(origin + mark + length);
}

}  // namespace partyline::bench
