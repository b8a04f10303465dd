#include "mixer/codec/opus_peek.hpp"

#include <gtest/gtest.h>
#include <opus/opus.h>

#include <cmath>
#include <memory>
#include <random>

#include "mixer/audio/pcm.hpp"

namespace partyline::mixer::testing {
namespace {

struct Mode {
  int application, channels, bitrate, length_us;
  bool constant;
};

using Encoder = std::unique_ptr<OpusEncoder, void (*)(OpusEncoder*)>;

Encoder make(const Mode& mode) {
  int error = 0;
  Encoder encoder(opus_encoder_create(48000, mode.channels, mode.application, &error), opus_encoder_destroy);
  opus_encoder_ctl(encoder.get(), OPUS_SET_BITRATE(mode.bitrate));
  opus_encoder_ctl(encoder.get(), OPUS_SET_VBR(mode.constant ? 0 : 1));
  return encoder;
}

/// How far off it is, over a noise that swells and falls between -80 and -30 dBov.
struct Error {
  double worst = 0, mean = 0;
  int told = 0, silent = 0;
};

Error error_of(const Mode& mode, PacketLoudness::Scale scale, bool steady) {
  const Encoder encoder = make(mode);
  const auto decoder = make_opus_decoder();
  OpusPeek peek;
  std::mt19937 random(3);
  std::normal_distribution<float> noise;
  const int samples = mode.length_us * 48 / 1000;
  Error error;
  std::array<uint8_t, 1500> packet;
  std::vector<float> pcm(static_cast<size_t>(samples * mode.channels)), out(5760);
  for (int i = 0; i < 200; ++i) {
    const double level = steady ? -55 : -55 + 25 * std::sin(i * 0.05);
    for (float& sample : pcm) sample = noise(random) * static_cast<float>(std::pow(10, level / 20));
    const int bytes = opus_encode_float(encoder.get(), pcm.data(), samples, packet.data(), packet.size());
    const std::span<const uint8_t> payload(packet.data(), static_cast<size_t>(bytes));
    const auto said = peek.look(payload);
    const int decoded = decoder->decode(payload, out);
    if (i < 50 || !said) continue;
    EXPECT_EQ(said->scale, scale);
    const double off = said->dbov - level_dbov({out.data(), static_cast<size_t>(decoded)});
    error.mean += off;
    error.worst = std::max(error.worst, std::abs(off));
    ++error.told;
  }
  error.mean /= std::max(error.told, 1);
  return error;
}

TEST(OpusPeek, KnowsTheLevelOfTheTransformCoderAtEveryLengthRateAndNumberOfChannels) {
  for (const int channels : {1, 2})
    for (const int bitrate : {24000, 64000})
      for (const int length_us : {2500, 10000, 20000, 60000})
        for (const bool constant : {false, true}) {
          const Mode mode{OPUS_APPLICATION_RESTRICTED_LOWDELAY, channels, bitrate * channels, length_us, constant};
          const Error error = error_of(mode, PacketLoudness::Scale::transform, false);
          EXPECT_EQ(error.told, 150);
          // Of two channels that have nothing in common, half is gone when they are folded.
          EXPECT_LT(std::abs(error.mean), channels == 2 ? 3.3 : 1.5) << channels << " " << bitrate << " " << length_us;
          EXPECT_LT(error.worst, 8) << channels << " " << bitrate << " " << length_us;
        }
}

TEST(OpusPeek, ComparesPacketsOfTheSpeechCoder) {
  for (const int bitrate : {16000, 24000, 32000})
    for (const int length_us : {10000, 20000, 60000}) {
      const Mode mode{OPUS_APPLICATION_VOIP, 1, bitrate, length_us, false};
      const Error error = error_of(mode, PacketLoudness::Scale::speech, true);
      EXPECT_GE(error.told, 50);
      EXPECT_LT(error.worst - std::abs(error.mean), 6) << bitrate << " " << length_us;
    }
}

TEST(OpusPeek, DoesNotCallAVoiceSilence) {
  const Encoder encoder = make({OPUS_APPLICATION_VOIP, 1, 24000, 20000, false});
  OpusPeek peek;
  std::array<uint8_t, 1500> packet;
  std::array<float, 960> pcm;
  for (int i = 0; i < 20; ++i) {
    for (size_t n = 0; n < pcm.size(); ++n) {
      double sum = 0;
      for (int h = 1; h < 10; ++h) sum += std::sin(h * 0.018 * (i * 960.0 + static_cast<double>(n))) / h;
      pcm[n] = static_cast<float>(i < 10 ? 0 : 0.1 * sum);
    }
    const int bytes = opus_encode_float(encoder.get(), pcm.data(), 960, packet.data(), packet.size());
    const auto said = peek.look({packet.data(), static_cast<size_t>(bytes)});
    if (i >= 10) {
      EXPECT_TRUE(!said || said->dbov > -40) << i;
    }
  }
}

TEST(OpusPeek, TakesDigitalSilenceAndNothingAtAllForSilence) {
  const Encoder encoder = make({OPUS_APPLICATION_RESTRICTED_LOWDELAY, 2, 64000, 20000, false});
  OpusPeek peek;
  std::array<uint8_t, 1500> packet;
  const std::array<float, 1920> pcm{};
  for (int i = 0; i < 5; ++i) {
    const int bytes = opus_encode_float(encoder.get(), pcm.data(), 960, packet.data(), packet.size());
    const auto said = peek.look({packet.data(), static_cast<size_t>(bytes)});
    ASSERT_TRUE(said);
    EXPECT_EQ(said->dbov, -127);
  }
  EXPECT_EQ(peek.look(std::array<uint8_t, 1>{0xf8})->dbov, -127);  // discontinuous transmission
  EXPECT_FALSE(peek.look({}));
}

TEST(OpusPeek, ReadsNothingBehindTheEndOfWhateverComes) {
  std::mt19937 random(7);
  OpusPeek peek;
  for (int i = 0; i < 200000; ++i) {
    std::vector<uint8_t> packet(random() % 40);
    for (uint8_t& byte : packet) byte = static_cast<uint8_t>(random());
    const auto said = peek.look(packet);
    if (!said) continue;
    EXPECT_GE(said->dbov, -127);
    EXPECT_LT(said->dbov, 200);
  }
}

}  // namespace
}  // namespace partyline::mixer::testing
