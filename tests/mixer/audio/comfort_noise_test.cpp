#include "mixer/audio/comfort_noise.hpp"

#include "tests/mixer/audio/audio_support.hpp"

namespace partyline::mixer::testing {
namespace {

double level_of(std::vector<uint8_t> description, bool spectrum) {
  ComfortNoise noise;
  noise.describe(description, spectrum);
  std::vector<float> pcm(40000);
  noise.render(pcm);
  return level_dbov(std::span<const float>(pcm).last(32000));
}

TEST(ComfortNoise, IsAsLoudAsToldWithAndWithoutASpectrum) {
  for (const int level : {30, 50, 70}) {
    const auto told = static_cast<uint8_t>(level);
    EXPECT_NEAR(level_of({told}, true), -level, 0.5);
    EXPECT_NEAR(level_of({told, 200, 90, 140}, true), -level, 1.5);
    EXPECT_NEAR(level_of({told, 200, 90, 140}, false), -level, 0.5);
  }
  EXPECT_EQ(level_of({}, true), -127);
}

TEST(ComfortNoise, StaysBoundedWhateverItIsTold) {
  for (const uint8_t pole : {uint8_t{0}, uint8_t{255}}) {
    std::vector<uint8_t> description(30, pole);
    description[0] = 20;
    EXPECT_LT(level_of(description, true), 0);
  }
}

/// A second of talk, then a description of noise, then packets' time without packets.
struct Pause {
  void talk(int packets) {
    for (int i = 0; i < packets; ++i) {
      source.push(talker.next(now, now + 5ms));
      tick();
    }
  }
  void pause(int ticks, std::optional<uint8_t> level) {
    for (int i = 0; i < ticks; ++i) {
      talker.skip();
      if (i == 0 && level) {
        core::EncodedFrame frame;
        frame.codec = Codec::pcmu;
        frame.buffer = core::Buffer::copy_of(std::vector<uint8_t>{*level});
        frame.data = frame.buffer.span();
        frame.comfort_noise = true;
        frame.sequence = talker.take_sequence();
        frame.rtp_time = (talker.position() - 960) / 6;
        frame.arrival = now + 5ms;
        source.push(frame);
      }
      tick();
    }
  }
  void tick() {
    now += kTick;
    source.tick(now);
    heard.insert(heard.end(), source.samples().begin(), source.samples().end());
  }
  std::span<const float> last_ms(size_t ms) const { return std::span<const float>(heard).last(ms * 8); }

  AudioSource source{1};
  Talker talker{Codec::pcmu, sine(400)};
  TimePoint now = kStart;
  std::vector<float> heard;
};

TEST(AudioSource, FillsAPauseWithTheNoiseThatWasDescribedAndCallsNothingLost) {
  Pause call;
  call.talk(50);
  const float loudest = largest_step(call.last_ms(500));
  call.pause(40, 45);
  EXPECT_NEAR(level_dbov(call.last_ms(600)), -45, 1.5);
  call.talk(50);
  EXPECT_NEAR(tone_level(call.last_ms(500), 400, 8000), 0.25, 0.01);
  EXPECT_EQ(call.source.stats().concealed_ms, 0u);
  EXPECT_EQ(call.source.stats().late_frames, 0u);
  EXPECT_LT(largest_step(call.last_ms(2500)), loudest * 1.2F);
}

TEST(AudioSource, IsSilentInAPauseOfWhichNothingWasSaid) {
  Pause call;
  call.talk(50);
  call.pause(40, std::nullopt);
  EXPECT_LT(level_dbov(call.last_ms(400)), -120);
  call.talk(50);
  EXPECT_EQ(call.source.stats().concealed_ms, 0u);
}

}  // namespace
}  // namespace partyline::mixer::testing
