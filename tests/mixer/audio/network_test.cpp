// What a listener gets of a voice that was sent over a bad network: the whole way from encoder to tick, in virtual
// time.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/mixer/audio/audio_support.hpp"
#include "tests/support/voice_path.hpp"

namespace partyline::mixer::testing {
namespace {

using namespace std::chrono_literals;
using core::Codec;
using test::ms;
using test::VoicePath;
using test::VoicePathSettings;

/// The longest run of (nearly) nothing, in milliseconds.
double longest_hole(std::span<const float> pcm) {
  size_t run = 0, longest = 0;
  for (const float sample : pcm) {
    run = std::fabs(sample) < 1e-4F ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return static_cast<double>(longest) / kSamplesPerMs;
}

/// Runs and says what came of it.
struct Outcome {
  double late = 0, concealed = 0;  // share of the packets sent, of the time
  double delay = 0;                // ms from a packet's sending to its tick, mean, without the network's mean delay
  uint64_t fec = 0, stretched = 0;
};
Outcome observe(VoicePath& path, core::Duration duration) {
  const AudioSourceStats before = path.ears.stats();
  const int64_t spoken = path.spoken;
  const double free = ms(path.forward.settings.delay) + path.settings.packet_ms;
  double sum = 0;
  int ticks = 0;
  path.on_tick = [&] {
    sum += ms(path.ears.playout_delay()) - free;
    ++ticks;
  };
  path.run(duration);
  path.on_tick = [] {};
  const AudioSourceStats after = path.ears.stats();
  Outcome outcome;
  outcome.late =
      static_cast<double>(after.late_frames - before.late_frames) / static_cast<double>(path.spoken - spoken);
  outcome.concealed = static_cast<double>(after.concealed_ms - before.concealed_ms) / ms(duration);
  outcome.delay = sum / ticks;
  outcome.fec = after.fec_recovered - before.fec_recovered;
  outcome.stretched = after.stretched - before.stretched;
  return outcome;
}

class Jitter : public ::testing::TestWithParam<std::tuple<Codec, int>> {};

TEST_P(Jitter, OfThirtyMillisecondsCostsNoMorePacketsAndDelayThanItMust) {
  VoicePathSettings settings;
  settings.codec = std::get<0>(GetParam());
  settings.phase = std::chrono::milliseconds(std::get<1>(GetParam()));
  settings.seed = static_cast<uint32_t>(std::get<1>(GetParam()) + 1);
  settings.link.delay = 150ms;
  settings.link.sigma = 30ms;
  settings.keep_heard = false;
  VoicePath path(settings);
  path.run(5s);
  const Outcome rough = observe(path, 60s);
  constexpr double percentile_99 = 2.326 * 30;
  EXPECT_LT(rough.late, 0.005);
  EXPECT_LT(rough.concealed, 0.005);
  EXPECT_LE(rough.delay, percentile_99 + 20);
  path.forward.settings.sigma = {};
  path.run(5s);
  const double after_five_seconds = path.ears.stats().buffered_ms;
  path.run(10s);
  EXPECT_LT(after_five_seconds, path.ears.stats().buffered_ms + 20);
  EXPECT_LT(path.ears.stats().buffered_ms, 25);
}

INSTANTIATE_TEST_SUITE_P(CodecsAndPhases, Jitter,
                         ::testing::Combine(::testing::Values(Codec::opus, Codec::pcmu),
                                            ::testing::Values(0, 5, 10, 15)));

VoicePathSettings lossy(Codec codec, double loss) {
  VoicePathSettings settings;
  settings.codec = codec;
  settings.signal = test::voice_like(false);
  settings.link.loss = loss;
  return settings;
}

VoicePathSettings asks_again(double loss, core::Duration round_trip) {
  VoicePathSettings settings = lossy(Codec::opus, loss);
  settings.link.delay = settings.back.delay = round_trip / 2;
  settings.prepare = [](rtp::TrackConfig& track) {
    track.receive_formats[0].nack = track.send_format->nack = true;
    track.feedback_profile = track.reduced_size_rtcp = true;
  };
  return settings;
}

TEST(Loss, OfATenthIsMadeGoodByInBandFecForOnePacketOfDelay) {
  for (const auto phase : {0ms, 7ms, 14ms}) {
    VoicePathSettings settings = lossy(Codec::opus, 0.1);
    settings.in_band_fec = true;
    settings.phase = phase;
    VoicePath path(settings);
    path.run(5s);
    const Outcome outcome = observe(path, 60s);
    EXPECT_LT(outcome.concealed, 0.02);
    EXPECT_GT(outcome.fec, 200u);
    EXPECT_LT(outcome.delay, 20 + 20 + 4);
    EXPECT_LT(longest_hole(path.last(60s)), 5);
  }
}

TEST(Loss, InsideAPauseIsNoneThatAnybodyHears) {
  for (const auto phase : {0ms, 4ms, 8ms, 12ms, 16ms}) {
    VoicePathSettings settings = lossy(Codec::opus, 0.1);
    settings.signal = test::voice_like(true);
    settings.in_band_fec = true;
    settings.phase = phase;
    VoicePath path(settings);
    path.run(5s);
    const AudioSourceStats before = path.ears.stats();
    EXPECT_LT(observe(path, 60s).concealed, 0.016) << phase / 1ms;
    // A quarter of a second in two is silent; what is lost there cannot be in the next packet, and need not be.
    EXPECT_NEAR(static_cast<double>(path.ears.stats().quiet_ms - before.quiet_ms), 60'000 * 0.125 * 0.1, 350);
  }
}

TEST(Loss, OfATenthIsAskedForAgainWhereTheAnswerIsSoonThere) {
  for (const auto round_trip : {20ms, 40ms, 50ms}) {
    for (const bool in_band_fec : {false, true}) {
      VoicePathSettings settings = asks_again(0.1, round_trip);
      settings.in_band_fec = in_band_fec;
      VoicePath path(settings);
      path.run(8s);
      const Outcome outcome = observe(path, 60s);
      EXPECT_LT(outcome.concealed, 0.02) << round_trip / 1ms;
      EXPECT_LT(outcome.late, 0.006);
      EXPECT_LT(outcome.delay, ms(round_trip) + 20 + 20 + 20 + 10);
      EXPECT_GT(path.listener_session().stats().audio.packets_recovered, 200u);
      EXPECT_LT(path.talker_session().stats().audio.packets_resent, 500u);
    }
  }
}

TEST(Loss, IsNotAskedForWhereTheAnswerWouldComeTooLate) {
  VoicePathSettings settings = asks_again(0.1, 120ms);
  settings.in_band_fec = true;
  VoicePath path(settings);
  path.run(10s);
  const uint64_t asked = path.listener_session().stats().audio.nacks_sent;
  const Outcome outcome = observe(path, 30s);
  EXPECT_EQ(path.listener_session().stats().audio.nacks_sent, asked);
  EXPECT_LT(outcome.concealed, 0.02);
  EXPECT_LT(outcome.delay, 20 + 20 + 4 + 10);
}

TEST(Loss, AskingAgainCostsNothingWhereNothingIsLostOrAllIsDisordered) {
  VoicePathSettings settings = asks_again(0, 40ms);
  const double plain = observe(*std::make_unique<VoicePath>(lossy(Codec::opus, 0)), 10s).delay;
  EXPECT_NEAR(observe(*std::make_unique<VoicePath>(settings), 10s).delay, plain, 0.5);
  settings.link.delay = 100ms;
  settings.link.sigma = 20ms;
  VoicePath path(settings);
  path.run(30s);
  EXPECT_LT(path.talker_session().stats().audio.packets_resent, 1500u / 50);
}

TEST(Loss, OfATenthIsMadeGoodByRedOnceTheListenerHasReportedIt) {
  VoicePathSettings settings = lossy(Codec::opus, 0.1);
  settings.prepare = [](rtp::TrackConfig& track) { track.red = track.red_send = 63; };
  VoicePath path(settings);
  path.run(10s);
  const Outcome outcome = observe(path, 60s);
  EXPECT_LT(outcome.concealed, 0.02);
  EXPECT_GT(path.ears.stats().red_recovered, 200u);
  EXPECT_GT(path.listener_session().stats().audio.packets_recovered, 200u);
  EXPECT_LT(outcome.delay, 20 + 20 + 4);
  path.forward.settings.loss = 0;
  path.run(60s);
  const uint64_t bytes = path.talker_session().stats().audio.bytes_sent;
  path.run(10s);
  EXPECT_NEAR(static_cast<double>(path.talker_session().stats().audio.bytes_sent - bytes), 500 * (160 + 12), 9000);
}

TEST(Loss, RedDoesNotDisturbWhereNothingIsLostOrAllIsDisordered) {
  VoicePathSettings settings = lossy(Codec::pcmu, 0.1);
  settings.prepare = [](rtp::TrackConfig& track) { track.red = track.red_send = 63; };
  VoicePath path(settings);
  path.run(5s);  // learns of the loss
  path.forward.settings.loss = 0;
  path.forward.settings.reorder = 0.1;
  path.forward.settings.reorder_by = 30ms;
  path.run(3s);
  const Outcome outcome = observe(path, 5s);
  EXPECT_EQ(outcome.concealed, 0);
  EXPECT_EQ(outcome.late, 0);
}

TEST(Loss, InBandFecCostsNoDelayWhereNothingIsLost) {
  VoicePathSettings settings = lossy(Codec::opus, 0);
  const double plain = observe(*std::make_unique<VoicePath>(settings), 10s).delay;
  settings.in_band_fec = true;
  EXPECT_NEAR(observe(*std::make_unique<VoicePath>(settings), 10s).delay, plain, 0.5);
}

class WithoutFec : public ::testing::TestWithParam<Codec> {};

TEST_P(WithoutFec, ATenthLostLeavesNeitherHoleNorClick) {
  VoicePath path(lossy(GetParam(), 0.1));
  path.run(1s);
  const Outcome outcome = observe(path, 60s);
  EXPECT_NEAR(outcome.concealed, 0.1, 0.02);
  EXPECT_EQ(outcome.late, 0);
  EXPECT_LT(longest_hole(path.last(60s)), 5);
  EXPECT_LT(largest_step(path.last(60s)), largest_step(path.settings.signal) * 1.5F);
}

TEST_P(WithoutFec, BurstsOfAHundredMillisecondsFadeAndComeBackWithoutAClick) {
  VoicePath path(lossy(GetParam(), 0));
  path.run(2s);
  const double before = path.ears.stats().buffered_ms;
  for (int i = 0; i < 20; ++i) {
    path.forward.settings.loss = 1;
    path.run(100ms);
    path.forward.settings.loss = 0;
    path.run(900ms);
  }
  EXPECT_NEAR(static_cast<double>(path.ears.stats().concealed_ms), 2000, 100);
  EXPECT_LT(longest_hole(path.last(20s)), 5);
  EXPECT_LT(largest_step(path.last(20s)), largest_step(path.settings.signal) * 1.5F);
  EXPECT_LT(path.ears.stats().buffered_ms, before + 5);
}

// A tone hides nothing: cut in the middle of its wave, or begun there, it clicks.
TEST_P(WithoutFec, OutagesOfAToneFadeAndComeBackWithoutAClick) {
  for (const auto outage : {140ms, 300ms, 900ms}) {
    VoicePathSettings settings;
    settings.codec = GetParam();
    settings.signal = partyline::test::tone(211, 0.5);
    VoicePath path(settings);
    path.run(2s);
    for (int i = 0; i < 14; ++i) {
      path.forward.settings.loss = 1;
      path.run(outage);
      path.forward.settings.loss = 0;
      path.run(1600ms + i % 7 * 20ms);
    }
    // By its bends, not its steps: an Opus decoder that comes back swings wider for some milliseconds.
    EXPECT_LT(largest_bend(path.last(25s)), 0.02F) << outage / 1ms << " ms";
  }
}

INSTANTIATE_TEST_SUITE_P(Codecs, WithoutFec, ::testing::Values(Codec::pcmu, Codec::pcma, Codec::g722, Codec::opus),
                         [](const auto& test) { return std::string(core::name_of(test.param)); });

}  // namespace
}  // namespace partyline::mixer::testing
