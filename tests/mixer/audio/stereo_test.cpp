// Music rooms: what comes in two channels leaves in two.
#include <gtest/gtest.h>

#include <random>

#include "mixer/audio/limiter.hpp"
#include "mixer/audio/pitch.hpp"
#include "mixer/audio/side_channel.hpp"
#include "tests/mixer/audio/audio_support.hpp"

namespace partyline::mixer::testing {
namespace {

constexpr core::Bitrate kRate = core::Bitrate::kbps(128);

AudioFormat format_of(Codec codec, int channels) {
  AudioFormat format;
  format.codec = codec;
  format.channels = channels;
  return format;
}

/// Sends Opus in two channels, 20 ms a tick.
class Band {
 public:
  Band(AudioRoom& room, uint64_t member, Signal left, Signal right)
      : source_(room.add_source(member)), left_(std::move(left)), right_(std::move(right)) {
    AudioEncoderConfig config;
    config.channels = 2;
    config.bitrate = kRate;
    config.packet_samples = kTickSamples;
    encoder_ = std::move(make_opus_encoder(config).value());
  }
  void send(TimePoint tick, core::Duration late = 0ms, bool lost = false) {
    Block left, right;
    for (size_t i = 0; i < kTickSamples; ++i, ++position_) {
      left[i] = left_(position_);
      right[i] = right_(position_);
    }
    core::EncodedFrame frame;
    frame.codec = Codec::opus;
    frame.buffer = core::Buffer::allocate(kMaxEncodedAudio);
    frame.buffer.resize(encoder_->encode_pair(left, right, {frame.buffer.data(), kMaxEncodedAudio}));
    frame.data = frame.buffer.span();
    frame.capture = tick + 5ms - kTick;
    frame.arrival = tick + 5ms + late;
    frame.sequence = position_ / static_cast<int64_t>(kTickSamples);
    frame.rtp_time = position_ - static_cast<int64_t>(kTickSamples);
    if (!lost) source_->push(frame);
  }

 private:
  std::shared_ptr<AudioSource> source_;
  Signal left_, right_;
  std::unique_ptr<AudioEncoder> encoder_;
  int64_t position_ = 0;
};

/// Decodes both channels.
class Ears final : public core::FrameSink {
 public:
  void push(const core::EncodedFrame& frame) override {
    Block mean;
    ASSERT_EQ(decoder_->decode(frame.data, mean), static_cast<int>(kTickSamples));
    const auto side = decoder_->side();
    for (size_t i = 0; i < kTickSamples; ++i) {
      left.push_back(mean[i] + (side.empty() ? 0 : side[i]));
      right.push_back(mean[i] - (side.empty() ? 0 : side[i]));
    }
  }
  double on_left(double hz) const { return tone_level(std::span<const float>(left).last(24000), hz); }
  double on_right(double hz) const { return tone_level(std::span<const float>(right).last(24000), hz); }

  std::vector<float> left, right;

 private:
  std::unique_ptr<AudioDecoder> decoder_ = make_opus_stereo_decoder();
};

struct MusicRoom : ::testing::Test {
  MusicRoom() { room.make_stereo(); }
  void hear(uint64_t id, std::optional<uint64_t> member, const std::shared_ptr<Ears>& whose) {
    ASSERT_TRUE(room.add_output(id, member, format_of(Codec::opus, 2), whose));
  }
  void play(std::vector<Band*> bands, std::vector<Phone*> phones, int ticks) {
    for (int i = 0; i < ticks; ++i) {
      for (Band* band : bands) band->send(now);
      now = run(room, phones, now, 1);
    }
  }

  AudioRoom room{kRate};
  TimePoint now = kStart;
  std::shared_ptr<Ears> ears = std::make_shared<Ears>();
};

TEST_F(MusicRoom, LeftStaysLeftAndRightStaysRight) {
  Band band(room, 1, sine(440), sine(1000));
  hear(100, std::nullopt, ears);
  play({&band}, {}, 100);
  EXPECT_NEAR(ears->on_left(440), 0.25, 0.02);
  EXPECT_NEAR(ears->on_right(1000), 0.25, 0.02);
  EXPECT_LT(ears->on_left(1000), 0.01);
  EXPECT_LT(ears->on_right(440), 0.01);
}

TEST_F(MusicRoom, ChannelsThatDifferInTheirSignAloneAreHeard) {
  Band band(room, 1, sine(440), [](int64_t n) { return -sine(440)(n); });
  hear(100, std::nullopt, ears);
  play({&band}, {}, 150);
  EXPECT_NEAR(ears->on_left(440), 0.25, 0.03);
  EXPECT_NEAR(ears->on_right(440), 0.25, 0.03);
}

TEST_F(MusicRoom, NobodyHearsHimselfInEitherEar) {
  Band first(room, 1, sine(440), sine(1000)), second(room, 2, sine(1550), sine(2300));
  auto other = std::make_shared<Ears>();
  hear(100, 1, ears);
  hear(101, 2, other);
  play({&first, &second}, {}, 100);
  EXPECT_NEAR(ears->on_left(1550), 0.25, 0.02);
  EXPECT_NEAR(ears->on_right(2300), 0.25, 0.02);
  EXPECT_NEAR(other->on_left(440), 0.25, 0.02);
  EXPECT_NEAR(other->on_right(1000), 0.25, 0.02);
  for (const double hz : {440.0, 1000.0}) {
    EXPECT_LT(ears->on_left(hz), 0.005);
    EXPECT_LT(ears->on_right(hz), 0.005);
  }
  EXPECT_LT(other->on_left(1550), 0.005);
  EXPECT_LT(other->on_right(1550), 0.01);
  EXPECT_LT(other->on_right(2300), 0.005);
}

TEST_F(MusicRoom, NobodyHearsWhatHisOwnScreenPlaysInEitherEar) {
  Band singer(room, 1, sine(440), sine(1000)), screen(room, 2, sine(1550), sine(2300)),
      other(room, 3, sine(700), sine(300));
  room.set_unheard_by(2, 1);
  hear(100, 1, ears);
  play({&singer, &screen, &other}, {}, 100);
  EXPECT_NEAR(ears->on_left(700), 0.25, 0.02);
  EXPECT_NEAR(ears->on_right(300), 0.25, 0.02);
  for (const double hz : {440.0, 1000.0, 1550.0, 2300.0}) {
    EXPECT_LT(ears->on_left(hz), 0.01) << hz;
    EXPECT_LT(ears->on_right(hz), 0.01) << hz;
  }
}

TEST_F(MusicRoom, WhatComesInOneChannelSitsInTheMiddleAndGoesOutAsTheMean) {
  Band band(room, 1, sine(440), sine(1000));
  Phone phone;
  phone.join(room, 2, std::make_unique<Talker>(Codec::pcmu, sine(700)), format_of(Codec::pcmu, 1));
  hear(100, std::nullopt, ears);
  play({&band}, {&phone}, 100);
  EXPECT_NEAR(ears->on_left(700), 0.25, 0.03);
  EXPECT_NEAR(ears->on_right(700), 0.25, 0.03);
  EXPECT_NEAR(ears->on_left(440), 0.25, 0.02);
  EXPECT_LT(ears->on_right(440), 0.01);
  EXPECT_NEAR(tone_level(phone.ear->last_ms(500), 440), 0.125, 0.02);
  EXPECT_NEAR(tone_level(phone.ear->last_ms(500), 1000), 0.125, 0.02);
  EXPECT_LT(tone_level(phone.ear->last_ms(500), 700), 0.005);
}

TEST_F(MusicRoom, LossJitterAndStretchingKeepBothChannelsTogether) {
  Band band(room, 1, sine(440), sine(1000));
  hear(100, std::nullopt, ears);
  std::minstd_rand random(7);
  for (int i = 0; i < 1300; ++i) {  // the buffer grows at once, and shrinks when ten seconds were good
    const bool bad = i > 50 && i < 300;
    band.send(now, bad ? std::chrono::milliseconds(random() % 60) : 0ms, bad && random() % 20 == 0);
    now = run(room, {}, now, 1);
  }
  EXPECT_NEAR(ears->on_left(440), 0.25, 0.02);
  EXPECT_NEAR(ears->on_right(1000), 0.25, 0.02);
  EXPECT_LT(ears->on_left(1000), 0.01);
  EXPECT_LT(ears->on_right(440), 0.01);
}

TEST(MonoRoom, FoldsWhatComesInTwoChannels) {
  AudioRoom room{kRate};
  auto ears = std::make_shared<Ears>();
  Band band(room, 1, sine(440), sine(1000));
  ASSERT_TRUE(room.add_output(100, std::nullopt, format_of(Codec::opus, 2), ears));
  TimePoint now = kStart;
  for (int i = 0; i < 100; ++i) {
    band.send(now);
    now = run(room, {}, now, 1);
  }
  for (const double hz : {440.0, 1000.0}) {
    EXPECT_NEAR(ears->on_left(hz), 0.125, 0.02);
    EXPECT_NEAR(ears->on_right(hz), 0.125, 0.02);
  }
}

// Whatever is done to the mean is done to both channels alike.
TEST(SideChannel, FollowsTheMean) {
  constexpr size_t capacity = 12288;
  SideChannel side(capacity);
  std::vector<float> left(capacity), mean(capacity);
  size_t filled = 0;
  std::minstd_rand random(3);
  const auto value = [&] { return static_cast<float>(random() % 2001) / 1000.0F - 1; };
  for (int step = 0; step < 2000; ++step) {
    const size_t count = 120 * (1 + random() % 16);
    const size_t period = 120 + random() % 360;
    switch (random() % 4) {
      case 0:
      case 1: {
        if (filled + count > capacity - 2000) break;
        std::vector<float> differences(random() % 2 ? count : 0);
        for (float& sample : differences) sample = value();
        for (size_t i = 0; i < count; ++i) {
          mean[filled + i] = value();
          left[filled + i] = mean[filled + i] + (differences.empty() ? 0 : differences[i]);
        }
        side.append(differences, count);
        filled += count;
        break;
      }
      case 2:
        if (filled < 2 * period) break;
        if (random() % 2) {
          remove_period({left.data(), filled}, period);
          filled = remove_period({mean.data(), filled}, period);
          side.remove_period(period);
        } else if (filled + period < capacity) {
          insert_period(left, filled, period);
          filled = insert_period(mean, filled, period);
          side.insert_period(period);
        }
        break;
      default:
        if (filled < kTickSamples) break;
        side.begin();
        side.pull(kTickSamples);
        const auto block = side.block();
        for (size_t i = 0; i < kTickSamples; ++i)
          ASSERT_NEAR(left[i], mean[i] + (block.empty() ? 0 : block[i]), 1e-5) << step;
        std::move(left.begin() + kTickSamples, left.end(), left.begin());
        std::move(mean.begin() + kTickSamples, mean.end(), mean.begin());
        filled -= kTickSamples;
    }
  }
}

TEST(Limiter, TurnsBothChannelsDownAlike) {
  Limiter limiter;
  Block left, right;
  for (int tick = 0; tick < 10; ++tick) {
    for (size_t i = 0; i < kTickSamples; ++i) {
      left[i] = 1.5F * sine(480, 1)(static_cast<int64_t>(i));
      right[i] = 0.5F * sine(480, 1)(static_cast<int64_t>(i));
    }
    limiter.process(left, right);
    EXPECT_LE(peak_of(left), 1.0F);
  }
  EXPECT_NEAR(peak_of(left) / peak_of(right), 3, 0.01);
}

}  // namespace
}  // namespace partyline::mixer::testing
