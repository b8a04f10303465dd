#include "mixer/audio/limiter.hpp"

#include "tests/mixer/audio/audio_support.hpp"

namespace partyline::mixer::testing {
namespace {

Block block_of(const Signal& signal, int64_t tick) {
  Block block;
  for (size_t i = 0; i < block.size(); ++i) {
    block[i] = signal(tick * static_cast<int64_t>(kTickSamples) + static_cast<int64_t>(i));
  }
  return block;
}

TEST(Limiter, LeavesAMixThatFitsAloneBitForBit) {
  Limiter limiter;
  for (int64_t tick = 0; tick < 10; ++tick) {
    const Block before = block_of(sine(440, 0.9), tick);
    Block after = before;
    limiter.process(after);
    ASSERT_EQ(before, after);
  }
}

TEST(Limiter, NeverLetsASampleReachFullScaleHoweverLoudTheMix) {
  Limiter limiter;
  for (int64_t tick = 0; tick < 50; ++tick) {
    Block block = block_of(sine(440, tick % 7 == 0 ? 20 : 1.5), tick);
    limiter.process(block);
    for (const float sample : block) ASSERT_LT(std::fabs(sample), 1.0F);
  }
}

TEST(Limiter, TurnsASteadyLoudToneDownInsteadOfDistortingIt) {
  Limiter limiter;
  std::vector<float> heard;
  for (int64_t tick = 0; tick < 50; ++tick) {
    Block block = block_of(sine(400, 3), tick);
    limiter.process(block);
    if (tick >= 25) heard.insert(heard.end(), block.begin(), block.end());
  }
  EXPECT_NEAR(tone_level(heard, 400), 0.944, 0.02);
  EXPECT_LT(tone_level(heard, 1200), 0.01);
}

TEST(Limiter, RecoversItsGainWithinAQuarterOfASecond) {
  Limiter limiter;
  Block loud = block_of(sine(440, 3), 0);
  limiter.process(loud);
  for (int64_t tick = 1; tick <= 13; ++tick) {
    const Block before = block_of(sine(440, 0.3), tick);
    Block block = before;
    limiter.process(block);
    EXPECT_TRUE(tick > 1 || level_dbov(block) < level_dbov(before) - 4) << "it does not jump back";
    EXPECT_TRUE(tick < 13 || block == before);
  }
}

}  // namespace
}  // namespace partyline::mixer::testing
