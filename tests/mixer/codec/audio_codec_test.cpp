#include "mixer/codec/audio_codec.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "mixer/audio/pcm.hpp"
#include "tests/mixer/audio/audio_support.hpp"
#include "tests/support/paths.hpp"

namespace partyline::mixer::testing {
namespace {

std::filesystem::path itu_folder() {
  if (const char* folder = std::getenv("PARTYLINE_CONFORMANCE")) return std::filesystem::path(folder) / "itu";
  return std::filesystem::path(test::conformance_dir()) / "itu";
}

std::vector<uint8_t> bytes_of(const std::filesystem::path& file) {
  std::ifstream in(itu_folder() / file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<int16_t> words_of(const std::filesystem::path& file) {
  const std::vector<uint8_t> bytes = bytes_of(file);
  std::vector<int16_t> words;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    words.push_back(static_cast<int16_t>(static_cast<uint16_t>(bytes[i] | (bytes[i + 1] << 8))));
  }
  return words;
}

class G711Vectors : public ::testing::TestWithParam<Codec> {};

TEST_P(G711Vectors, OfTheItuAreEncodedAndDecodedBitExactly) {
  if (!std::filesystem::exists(itu_folder() / "g711")) GTEST_SKIP() << "no ITU vectors in " << itu_folder();
  const bool ulaw = GetParam() == Codec::pcmu;
  const auto source = words_of("g711/sweep.src");
  const auto coded = words_of(ulaw ? "g711/sweep-r.u" : "g711/sweep-r.a");
  const auto decoded = words_of(ulaw ? "g711/sweep-r.u-u" : "g711/sweep-r.a-a");
  ASSERT_EQ(source.size(), 65536u);
  const AudioCodecRow& row = *find_audio_codec(GetParam());
  const auto encoder = std::move(row.make_encoder({}).value());
  const auto decoder = row.make_decoder();
  std::array<float, 256> pcm;
  std::array<uint8_t, 256> codes;
  for (size_t at = 0; at < source.size(); at += pcm.size()) {
    for (size_t i = 0; i < pcm.size(); ++i) pcm[i] = to_float(source[at + i]);
    ASSERT_EQ(encoder->encode(pcm, codes), pcm.size());
    ASSERT_EQ(decoder->decode(codes, pcm), 256);
    for (size_t i = 0; i < pcm.size(); ++i) {
      ASSERT_EQ(codes[i], coded[at + i]) << source[at + i];
      ASSERT_EQ(to_int16(pcm[i]), decoded[at + i]) << source[at + i];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Laws, G711Vectors, ::testing::Values(Codec::pcmu, Codec::pcma),
                         [](const auto& test) { return std::string(core::name_of(test.param)); });

TEST(G722, DecodesTheItusSpeechBitExactlyAndEncodesItTheSame) {
  if (!std::filesystem::exists(itu_folder() / "g722")) GTEST_SKIP() << "no ITU vectors in " << itu_folder();
  const auto speech = words_of("g722/inpsp.bin");
  const auto words = words_of("g722/codspw.cod");  // an octet a word
  const std::vector<uint8_t> coded(words.begin(), words.end());
  const auto decoded = words_of("g722/outsp1.bin");
  ASSERT_EQ(coded.size() * 2, speech.size());
  const auto encoder = std::move(make_g722_encoder({}).value());
  const auto decoder = make_g722_decoder();
  constexpr size_t kPacket = 160;
  std::array<float, 2 * kPacket> pcm;
  std::array<uint8_t, kPacket> codes;
  size_t wrong_codes = 0;
  size_t wrong_samples = 0;
  for (size_t at = 0; at + kPacket <= coded.size(); at += kPacket) {
    for (size_t i = 0; i < pcm.size(); ++i) pcm[i] = to_float(speech[2 * at + i]);
    ASSERT_EQ(encoder->encode(pcm, codes), kPacket);
    for (size_t i = 0; i < kPacket; ++i) wrong_codes += codes[i] != coded[at + i];
    ASSERT_EQ(decoder->decode(std::span(coded).subspan(at, kPacket), pcm), static_cast<int>(pcm.size()));
    for (size_t i = 0; i < pcm.size(); ++i) wrong_samples += to_int16(pcm[i]) != decoded[2 * at + i];
  }
  EXPECT_EQ(wrong_codes, 0u);
  EXPECT_EQ(wrong_samples, 0u);
}

TEST(Opus, RecoversALostPacketFromTheNextOnesRedundancy) {
  AudioEncoderConfig config;
  config.bitrate = core::Bitrate::kbps(24);
  config.packet_samples = 960;
  config.expected_loss = 10;
  const auto encoder = std::move(make_opus_encoder(config).value());
  const auto decoder = make_opus_decoder();
  // The tone changes in the very packet that is lost: concealment could only go on with the old one.
  std::array<float, 5760> pcm;
  std::array<uint8_t, kMaxEncodedAudio> packet;
  for (int64_t n = 0; n < 50; ++n) {
    const Signal tone = sine(n < 48 ? 400 : 1000);
    for (int64_t i = 0; i < 960; ++i) pcm[static_cast<size_t>(i)] = tone(n * 960 + i);
    const size_t bytes = encoder->encode(std::span(pcm).first(960), packet);
    ASSERT_GT(bytes, 0u);
    if (n == 48) continue;
    if (n == 49) {
      std::array<float, 960> lost;
      ASSERT_TRUE(decoder->recover(std::span(packet).first(bytes), lost));
      EXPECT_GT(tone_level(lost, 1000), tone_level(lost, 400));
    }
    ASSERT_EQ(decoder->decode(std::span(packet).first(bytes), pcm), 960);
  }
}

TEST(Opus, RefusesWhatIsNoPacket) {
  const auto decoder = make_opus_decoder();
  std::array<float, 5760> pcm;
  EXPECT_EQ(decoder->samples_in({}), 0);
  EXPECT_EQ(decoder->decode({}, pcm), 0);
  const std::array<uint8_t, 3> nonsense{0xff, 0xff, 0xff};  // code 3 with a frame count beyond 120 ms
  EXPECT_EQ(decoder->decode(nonsense, pcm), 0);
}

TEST(AudioCodecs, HaveARowForEachAudioCodecAndForNothingElse) {
  for (const Codec codec : {Codec::opus, Codec::g722, Codec::pcmu, Codec::pcma, Codec::aac}) {
    ASSERT_TRUE(find_audio_codec(codec)) << core::name_of(codec);
    EXPECT_EQ(find_audio_codec(codec)->codec, codec);
  }
  EXPECT_FALSE(find_audio_codec(Codec::h264));
}

}  // namespace
}  // namespace partyline::mixer::testing
