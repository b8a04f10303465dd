// Packets of every length that a sender may choose (RFC 3551 §4.2, RFC 7587 §4.2), and what is between them that is no
// sound: the whole way from encoder to tick.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <tuple>

#include "tests/mixer/audio/audio_support.hpp"
#include "tests/support/voice_path.hpp"

namespace partyline::mixer::testing {
namespace {

using test::VoicePath;
using test::VoicePathSettings;

VoicePathSettings tone_in(Codec codec, int packet_ms) {
  VoicePathSettings settings;
  settings.codec = codec;
  settings.packet_ms = packet_ms;
  settings.signal = test::tone(440);
  return settings;
}

float largest_step(std::span<const float> pcm) {
  float step = 0;
  for (size_t i = 1; i < pcm.size(); ++i) step = std::max(step, std::fabs(pcm[i] - pcm[i - 1]));
  return step;
}

constexpr float kStepOf440 = 0.25F * 2 * 3.1416F * 440 / 48000;

class PacketLengths : public ::testing::TestWithParam<std::tuple<Codec, int>> {
 protected:
  const Codec codec = std::get<0>(GetParam());
  const int length = std::get<1>(GetParam());
};

TEST_P(PacketLengths, ArePlayedUntouchedOnAQuietNetworkWhateverThePhase) {
  for (const auto phase : {0ms, 7ms, 19ms}) {
    VoicePathSettings settings = tone_in(codec, length);
    settings.phase = phase;
    VoicePath path(settings);
    path.run(4s);
    EXPECT_EQ(path.ears.stats().concealed_ms, 0u);
    EXPECT_LE(path.ears.stats().stretched, length % 20 == 0 ? 0u : 4u);  // half a tick too much at the start
    EXPECT_NEAR(tone_level(path.last(2s), 440), 0.25, 0.02);
    EXPECT_LT(largest_step(path.last(3s)), kStepOf440 * 1.3F);
    EXPECT_LT(path.ears.stats().buffered_ms, length + 25);
  }
}

TEST_P(PacketLengths, SurviveJitterWithoutLosingAPacket) {
  VoicePathSettings settings = tone_in(codec, length);
  settings.link.delay = 60ms;
  settings.link.sigma = 12ms;
  VoicePath path(settings);
  path.run(8s);
  const AudioSourceStats before = path.ears.stats();
  const int64_t spoken = path.spoken;
  path.run(20s);
  EXPECT_LE(static_cast<double>(path.ears.stats().late_frames - before.late_frames),
            std::max(1.0, static_cast<double>(path.spoken - spoken) * 0.01));
  EXPECT_LT(largest_step(path.last(20s)), kStepOf440 * 3);
}

TEST_P(PacketLengths, LeaveNeitherClickNorDelayWhereSomeAreLost) {
  VoicePathSettings settings = tone_in(codec, length);
  settings.link.loss = 0.05;
  VoicePath path(settings);
  path.run(20s);
  const double lost = static_cast<double>(path.forward.lost) * length;
  EXPECT_NEAR(static_cast<double>(path.ears.stats().concealed_ms), lost, lost * 0.25 + length);
  EXPECT_LT(largest_step(path.last(19s)), kStepOf440 * 4);
  path.forward.settings.loss = 0;
  path.run(10s);
  EXPECT_LT(path.ears.stats().buffered_ms, length + 25);
}

INSTANTIATE_TEST_SUITE_P(OfEveryCodec, PacketLengths,
                         ::testing::Values(std::tuple(Codec::opus, 10), std::tuple(Codec::opus, 40),
                                           std::tuple(Codec::opus, 60), std::tuple(Codec::opus, 120),
                                           std::tuple(Codec::pcmu, 10), std::tuple(Codec::pcmu, 30),
                                           std::tuple(Codec::pcmu, 60), std::tuple(Codec::pcma, 120),
                                           std::tuple(Codec::g722, 10), std::tuple(Codec::g722, 60)),
                         [](const auto& test) {
                           return std::string(core::name_of(std::get<0>(test.param))) + "_" +
                                  std::to_string(std::get<1>(test.param)) + "_ms";
                         });

TEST(PacketLength, MayChangeFromPacketToPacket) {
  constexpr int lengths[] = {60, 10, 20, 120, 10, 40, 30};
  AudioSource source(1);
  auto encode = [encoder = find_audio_codec(Codec::pcmu)->make_encoder({}).value()](std::span<const float> pcm) {
    core::EncodedFrame frame;
    frame.codec = Codec::pcmu;
    frame.buffer = core::Buffer::allocate(kMaxEncodedAudio);
    frame.buffer.resize(encoder->encode(pcm, {frame.buffer.data(), kMaxEncodedAudio}));
    frame.data = frame.buffer.span();
    return frame;
  };
  core::TimePoint now{1000s};
  core::TimePoint complete = now;
  int64_t number = 0, at = 0;
  std::vector<float> heard;
  for (int tick = 0; tick < 500; ++tick) {
    for (; complete <= now; ++number) {
      const int length = lengths[static_cast<size_t>(number) % std::size(lengths)];
      std::vector<float> pcm(static_cast<size_t>(length) * 8);
      for (float& value : pcm) value = sine(440)(6 * at++);
      auto frame = encode(pcm);
      complete += std::chrono::milliseconds(length);
      frame.sequence = number;
      frame.rtp_time = at - static_cast<int64_t>(pcm.size());
      frame.capture = complete - std::chrono::milliseconds(length);
      frame.arrival = complete;
      source.push(frame);
    }
    now += kTick;
    source.tick(now);
    hear(source, heard);
  }
  const auto last = std::span<const float>(heard).last(48000);
  EXPECT_NEAR(tone_level(last, 440), 0.25, 0.02);
  EXPECT_EQ(source.stats().decode_errors, 0u);
  EXPECT_EQ(source.stats().concealed_ms, 0u);
}

TEST(TelephoneEvents, WithinASpeechUnderJitterAreHeardOnceEachAndAreNoHoleInIt) {
  for (const Codec codec : {Codec::pcmu, Codec::opus}) {
    VoicePathSettings settings = tone_in(codec, 20);
    settings.link.delay = 60ms;
    settings.link.jitter = 25ms;
    settings.prepare = [](rtp::TrackConfig& track) { track.telephone_event = partyline::test::KeyPad::kType; };
    VoicePath path(settings);
    path.run(12s);
    const AudioSourceStats before = path.ears.stats();
    const std::string pressed = "1223#*0A";
    for (const char digit : pressed) {
      path.keys.press(digit);
      path.run(400ms);
    }
    path.run(500ms);
    EXPECT_EQ(path.digits, pressed);
    // Nothing of an event is played, stretched or taken for a lost packet.
    EXPECT_EQ(path.ears.stats().concealed_ms, before.concealed_ms);
    EXPECT_EQ(path.ears.stats().late_frames, before.late_frames);
    EXPECT_EQ(path.listener_session().stats().audio.packets_lost, 0u);
    EXPECT_NEAR(tone_level(path.last(3s), 440), 0.25, 0.03);
  }
}

TEST(TelephoneEvents, AreNotDoubledOrLostWhereATenthOfThePacketsIs) {
  VoicePathSettings settings = tone_in(Codec::pcmu, 20);
  settings.link.loss = 0.1;
  settings.link.duplicate = 0.1;
  settings.link.reorder = 0.1;
  settings.link.reorder_by = 30ms;
  settings.keep_heard = false;
  settings.prepare = [](rtp::TrackConfig& track) { track.telephone_event = partyline::test::KeyPad::kType; };
  VoicePath path(settings);
  path.run(1s);
  std::string pressed;
  for (int i = 0; i < 100; ++i) {
    pressed += "0123456789*#"[i % 12];
    path.keys.press(pressed.back());
    path.run(300ms);
  }
  path.run(500ms);
  EXPECT_EQ(path.digits, pressed);
}

}  // namespace
}  // namespace partyline::mixer::testing
