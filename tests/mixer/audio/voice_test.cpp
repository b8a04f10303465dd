// What is done to a member's sound, and what a room adds to it.
#include <random>

#include "mixer/audio/echo_guard.hpp"
#include "mixer/audio/gain_control.hpp"
#include "mixer/audio/noise_suppressor.hpp"
#include "mixer/audio/room_sounds.hpp"
#include "tests/mixer/audio/audio_support.hpp"

namespace partyline::mixer::testing {
namespace {

TEST(GainControl, BringsQuietAndLoudSpeakersToOneLoudness) {
  for (const double level : {-33.0, -27.0, -10.0}) {
    GainControl gain;
    for (int tick = 0; tick < 500; ++tick) gain.update(level, -75, true);
    EXPECT_NEAR(level + gain.gain_db(), GainControl::kTarget, 2.1) << level;
  }
}

TEST(GainControl, HasLimitsAndLeavesAloneWhatIsAboutRight) {
  GainControl faint, right;
  for (int tick = 0; tick < 1000; ++tick) {
    faint.update(-48, -80, true);
    right.update(-22, -80, true);
  }
  EXPECT_NEAR(faint.gain_db(), GainControl::kMostUp, 0.11);
  EXPECT_EQ(right.gain_db(), 0);
}

TEST(GainControl, ChangesSlowlyAndNotInPauses) {
  GainControl gain;
  double before = 0;
  for (int tick = 0; tick < 300; ++tick) {
    gain.update(tick % 100 < 50 ? -33 : -70, -72, tick % 100 < 70);
    EXPECT_LE(gain.gain_db() - before, 0.11);
    if (tick % 100 >= 50) {
      EXPECT_EQ(gain.gain_db(), before);
    }
    before = gain.gain_db();
  }
  EXPECT_GT(gain.gain_db(), 3);
}

TEST(GainControl, DoesNotRaiseTheNoiseOfAPoorLine) {
  GainControl gain;
  for (int tick = 0; tick < 1000; ++tick) gain.update(-38, -55, true);
  EXPECT_NEAR(gain.gain_db(), 3, 0.2);
}

// Speech as the guard sees it: syllables and pauses of random length.
std::vector<double> speech_levels(unsigned seed, size_t ticks) {
  std::mt19937 random(seed);
  std::vector<double> levels;
  while (levels.size() < ticks) {
    const bool pause = random() % 3 == 0;
    const double level = pause ? -70 : -32 + static_cast<double>(random() % 18);
    levels.insert(levels.end(), 4 + random() % (pause ? 30 : 12), level);
  }
  return levels;
}

TEST(EchoGuard, FindsALegThatReturnsWhatItIsSentAndItsDelay) {
  const auto sent = speech_levels(1, 1000);
  for (const size_t delay : {5U, 17U, 48U}) {
    EchoGuard guard;
    int suppressed = 0;
    for (size_t tick = 0; tick < sent.size(); ++tick) {
      guard.update(sent[tick], tick < delay ? -70 : sent[tick - delay] - 12);
      if (tick >= 600 && guard.gain() < 1) ++suppressed;
    }
    EXPECT_TRUE(guard.echoing()) << delay;
    EXPECT_EQ(guard.delay(), static_cast<int>(delay) * kTick);
    EXPECT_GE(suppressed, 390);
  }
}

TEST(EchoGuard, LetsTheMemberSpeakOverHisEcho) {
  const auto sent = speech_levels(2, 1100);
  EchoGuard guard;
  int through = 0;
  for (size_t tick = 0; tick < sent.size(); ++tick) {
    const double echo = tick < 20 ? -70 : sent[tick - 20] - 25;
    const bool speaks = tick >= 1000;
    guard.update(sent[tick], speaks ? std::max(-22.0, echo) : echo);
    if (speaks && guard.gain() == 1.0F) ++through;
  }
  EXPECT_GE(through, 70);
}

TEST(EchoGuard, TakesNeitherAnotherVoiceNorATurnNorAToneForAnEcho) {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    const auto sent = speech_levels(seed, 3000);
    const auto own = speech_levels(seed + 100, 3000);
    EchoGuard other, turns, tone;
    for (size_t tick = 0; tick < sent.size(); ++tick) {
      other.update(sent[tick], own[tick]);
      turns.update(tick / 150 % 2 ? sent[tick] : -70, tick / 150 % 2 ? -70 : own[tick]);
      tone.update(-15, -15);
      ASSERT_FALSE(other.echoing()) << seed << " " << tick;
      ASSERT_FALSE(turns.echoing()) << seed << " " << tick;
      ASSERT_FALSE(tone.echoing()) << seed << " " << tick;
    }
  }
}

TEST(EchoGuard, GoesAwayWithTheEcho) {
  const auto sent = speech_levels(3, 3000);
  const auto own = speech_levels(4, 3000);
  EchoGuard guard;
  for (size_t tick = 0; tick < 1000; ++tick) guard.update(sent[tick], tick < 10 ? -70 : sent[tick - 10]);
  EXPECT_TRUE(guard.echoing());
  for (size_t tick = 1000; tick < 3000; ++tick) guard.update(sent[tick], own[tick]);
  EXPECT_FALSE(guard.echoing());
  EXPECT_EQ(guard.gain(), 1.0F);
}

TEST(NoiseSuppressor, TakesSteadyNoiseAwayAndLeavesTheVoice) {
  for (const int rate : {8000, 16000, 48000}) {
    NoiseSuppressor suppressor;
    suppressor.prepare(rate);
    std::mt19937 random(1);
    std::normal_distribution<float> noise(0, 0.01F);
    const auto length = static_cast<size_t>(rate / 50);
    std::vector<float> heard;
    for (int tick = 0; tick < 300; ++tick) {
      std::vector<float> block(length);
      for (size_t i = 0; i < length; ++i) {
        const double t = static_cast<double>(static_cast<size_t>(tick) * length + i) / rate;
        // Syllables of a second, four times a second on and off, after four seconds of noise alone.
        const bool voice = tick >= 200 && tick / 6 % 2 == 0;
        block[i] = noise(random) + (voice ? 0.2F * static_cast<float>(std::sin(2 * std::numbers::pi * 440 * t)) : 0.0F);
      }
      suppressor.process(block, rate);
      heard.insert(heard.end(), block.begin(), block.end());
    }
    const std::span<const float> all(heard);
    EXPECT_LT(level_dbov(all.subspan(150 * length, 50 * length)), -50) << rate;  // was -40
    EXPECT_GT(tone_level(all.subspan(204 * length, 5 * length), 440, rate), 0.1) << rate;
  }
}

TEST(RoomSounds, MakesComfortNoiseOfTheWantedLevelInEveryBand) {
  for (size_t band = 0; band < kBands; ++band) {
    RoomSounds sounds;
    Block block{};
    sounds.begin();
    sounds.add_to({block.data(), tick_samples(band)}, band);
    EXPECT_EQ(peak_of(block), 0);
    sounds.set_comfort_noise(-70);
    sounds.begin();
    sounds.add_to({block.data(), tick_samples(band)}, band);
    EXPECT_NEAR(level_dbov(std::span<const float>(block).first(tick_samples(band))), -70, 1);
  }
}

TEST(RoomSounds, PlaysTwoNotesUpForComingAndDownForGoingWithoutAClick) {
  for (const Tone tone : {Tone::join, Tone::leave}) {
    RoomSounds sounds;
    sounds.play(tone);
    std::vector<float> heard;
    for (int tick = 0; tick < 20; ++tick) {
      Block block{};
      sounds.begin();
      sounds.play(Tone::leave);  // while one is heard, others are not
      if (tick < 12) sounds.add_to(block, band_of(kSampleRate));
      heard.insert(heard.end(), block.begin(), block.end());
    }
    const std::span<const float> all(heard);
    const double first = tone == Tone::join ? 587.33 : 880, second = tone == Tone::join ? 880 : 587.33;
    EXPECT_GT(tone_level(all.first(5760), first), 0.05);
    EXPECT_LT(tone_level(all.first(5760), second), 0.01);
    EXPECT_GT(tone_level(all.subspan(5760, 5760), second), 0.05);
    EXPECT_LT(largest_step(all), 0.09 * 2 * std::numbers::pi * 880 / kSampleRate * 1.05);
  }
}

TEST(AudioRoom, FillsASilentRoomWithComfortNoiseForAllAlike) {
  AudioRoom room(core::Bitrate::kbps(64));
  room.set_comfort_noise(-60);
  Phone a, b;
  AudioFormat format;
  format.codec = Codec::pcmu;
  a.join(room, 1, nullptr, format);
  b.join(room, 2, std::make_unique<Talker>(Codec::pcmu, silence()), format);
  run(room, {&a, &b}, kStart, 50);
  EXPECT_NEAR(level_dbov(a.ear->last_ms(500)), -60, 3);
  EXPECT_EQ(room.stats().encoders, 1);
}

TEST(AudioRoom, BringsAQuietPhoneToTheCommonLoudness) {
  AudioRoom room(core::Bitrate::kbps(64));
  Phone a, b;
  AudioFormat format;
  format.codec = Codec::pcmu;
  a.join(room, 1, std::make_unique<Talker>(Codec::pcmu, sine(440, 0.03)), format);
  b.join(room, 2, nullptr, format);
  VoiceProcessing wanted;
  wanted.common_loudness = true;
  a.source->set_processing(wanted);
  run(room, {&a, &b}, kStart, 300);
  EXPECT_NEAR(level_dbov(b.ear->last_ms(500)), GainControl::kTarget, 2.5);
  EXPECT_NEAR(a.source->stats().gain_db, 12, 3);
}

// A far end that loops back, codec and all: B's words come back from A and are not to reach B.
TEST(AudioRoom, TurnsDownALegThatReturnsWhatItIsSentAndReportsIt) {
  AudioRoom room(core::Bitrate::kbps(64));
  Phone a, b;
  AudioFormat format;
  format.codec = Codec::pcmu;
  a.join(room, 1, nullptr, format);
  std::mt19937 random(5);
  std::vector<float> loudness;
  for (int i = 0; i < 400; ++i) loudness.push_back(random() % 3 == 0 ? 0.0F : static_cast<float>(random() % 100) / 200);
  b.join(room, 2,
         std::make_unique<Talker>(Codec::pcmu,
                                  [&](int64_t n) {
                                    const auto at = static_cast<size_t>(n / 9600) % loudness.size();
                                    return loudness[at] * sine(500, 1)(n);
                                  }),
         format);
  VoiceProcessing wanted;
  wanted.echo_guard = true;
  a.source->set_processing(wanted);
  constexpr size_t kDelay = 8;  // packets
  TimePoint now = kStart;
  const auto play = [&](int ticks) {
    for (int tick = 0; tick < ticks; ++tick) {
      b.send(now);
      if (a.ear->frames.size() > kDelay) {
        core::EncodedFrame echo = a.ear->frames[a.ear->frames.size() - kDelay];
        echo.arrival = now + a.phase;
        echo.capture = echo.arrival - kTick;
        a.source->push(echo);
      }
      now += kTick;
      room.tick(now);
    }
  };
  play(150);
  EXPECT_GT(level_dbov(b.ear->last_ms(2000)), -25);  // the echo, at first
  play(700);
  EXPECT_NEAR(a.source->stats().echo_ms, 180, 41);
  EXPECT_LT(level_dbov(b.ear->last_ms(4000)), -45);
  wanted.echo_guard = false;
  a.source->set_processing(wanted);
  play(100);
  EXPECT_EQ(a.source->stats().echo_ms, 0);
  EXPECT_GT(level_dbov(b.ear->last_ms(1000)), -25);
}

}  // namespace
}  // namespace partyline::mixer::testing
