// Who cannot be heard because of himself, and who is only quiet.
#include "mixer/audio/own_mute.hpp"

#include <map>
#include <random>

#include "tests/mixer/audio/audio_support.hpp"

namespace partyline::mixer::testing {
namespace {

/// Digital silence, or a quiet room's noise.
Signal noise(double dbov) {
  auto random = std::make_shared<std::mt19937>(1);
  std::normal_distribution<float> normal(0, static_cast<float>(std::pow(10, dbov / 20)));
  return [=](int64_t) mutable { return normal(*random); };
}

/// A member whose packets come on time.
class Line {
 public:
  explicit Line(Codec codec) : talker(codec, silence()) {}
  void run(core::Duration length, const Signal& signal, const std::function<bool(int64_t)>& lost = {}) {
    talker.set_signal(signal);
    for (const TimePoint end = now + length; now < end; ++packets) {
      const core::EncodedFrame frame = talker.next(now - 15ms, now + 5ms);
      if (!lost || !lost(packets)) source.push(frame);
      tick();
    }
  }
  /// Packets of these codes, over and over.
  void run_codes(core::Duration length, const std::vector<uint8_t>& codes) {
    std::vector<uint8_t> packet(160);
    for (size_t i = 0; i < packet.size(); ++i) packet[i] = codes[i % codes.size()];
    for (const TimePoint end = now + length; now < end;) {
      core::EncodedFrame frame = talker.next(now - 15ms, now + 5ms);
      frame.buffer = core::Buffer::copy_of(packet);
      frame.data = std::as_const(frame.buffer).span();
      source.push(frame);
      tick();
    }
  }
  void pause(core::Duration length) {
    for (const TimePoint end = now + length; now < end;) {
      talker.skip();
      tick();
    }
  }
  /// One packet that is no sound, in the place of one that is.
  void send(std::vector<uint8_t> payload, bool comfort_noise) {
    core::EncodedFrame frame = talker.next(now - 15ms, now + 5ms);
    frame.buffer = core::Buffer::copy_of(payload);
    frame.data = std::as_const(frame.buffer).span();
    frame.comfort_noise = comfort_noise;
    source.push(frame);
    tick();
  }
  bool muted() const { return source.self_muted(); }

  AudioSource source{1};
  Talker talker;
  TimePoint now = kStart;
  int64_t packets = 0;

 private:
  void tick() {
    now += kTick;
    source.tick(now);
  }
};

class OwnMuteOf : public ::testing::TestWithParam<Codec> {};

TEST_P(OwnMuteOf, IsSeenInThreeSecondsOfDigitalSilenceAndEndsWithTheFirstSound) {
  Line line(GetParam());
  line.run(1s, sine(400));
  EXPECT_FALSE(line.muted());
  line.run(2900ms, silence());
  EXPECT_FALSE(line.muted());
  line.run(1200ms, silence());
  EXPECT_TRUE(line.muted());
  for (int i = 0; i < 500; ++i) {
    line.run(kTick, silence());
    ASSERT_TRUE(line.muted()) << i;
  }
  line.run(60ms, sine(400));
  EXPECT_FALSE(line.muted());
}

TEST_P(OwnMuteOf, IsNotSeenInTheNoiseOfAnOpenMicrophone) {
  // A-law's first step is 16 wide: what is below is silence to it, too.
  for (const double level : {GetParam() == Codec::pcma ? -72.0 : -82.0, -70.0, -50.0}) {
    Line line(GetParam());
    line.run(200ms, sine(400));
    for (int i = 0; i < 500; ++i) {
      line.run(kTick, noise(level));
      ASSERT_FALSE(line.muted()) << i << " at " << level;
    }
  }
}

TEST_P(OwnMuteOf, OutlastsLossesAndSilencesBetweenWordsAreNone) {
  Line line(GetParam());
  // G.722's decoder is long in forgetting what was made up for it.
  const auto loses = [](int64_t n) { return n % (GetParam() == Codec::g722 ? 50 : 10) == 3; };
  line.run(5s, silence(), loses);
  EXPECT_TRUE(line.muted());
  for (int i = 0; i < 200; ++i) {
    line.run(kTick, silence(), loses);
    ASSERT_TRUE(line.muted()) << i;
  }
  for (int word = 0; word < 4; ++word) {
    line.run(300ms, sine(400));
    for (int i = 0; i < 120; ++i) {
      line.run(kTick, silence());
      ASSERT_FALSE(line.muted()) << word << " " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Codecs, OwnMuteOf, ::testing::Values(Codec::pcmu, Codec::pcma, Codec::g722, Codec::opus),
                         [](const auto& test) { return std::string(core::name_of(test.param)); });

TEST(OwnMute, KnowsBothZerosOfG711AndNothingElse) {
  const std::map<Codec, std::vector<uint8_t>> zeros{{Codec::pcmu, {0xff, 0x7f}}, {Codec::pcma, {0xd5, 0x55}}};
  for (const auto& [codec, codes] : zeros) {
    for (const auto& sent : {std::vector{codes[0]}, std::vector{codes[1]}, codes}) {
      Line line(codec);
      line.run_codes(4s, sent);
      EXPECT_TRUE(line.muted()) << core::name_of(codec);
    }
    Line line(codec);
    line.run_codes(10s, {codes[0], codes[1], static_cast<uint8_t>(codes[0] ^ 1)});  // the next step
    EXPECT_FALSE(line.muted()) << core::name_of(codec);
  }
}

TEST(OwnMute, IsSeenWhereNothingComesThatShouldButNotInAPauseThatWasTold) {
  for (const auto& [codec, payload] :
       {std::pair{Codec::pcmu, std::vector<uint8_t>{60}}, {Codec::opus, std::vector<uint8_t>{0x78}}}) {
    Line line(codec);
    line.run(1s, sine(400));
    line.pause(1900ms);
    EXPECT_FALSE(line.muted());
    line.pause(200ms);
    EXPECT_TRUE(line.muted());
    line.run(60ms, sine(400));
    EXPECT_FALSE(line.muted());
    line.send(payload, codec == Codec::pcmu);
    line.pause(30s);
    EXPECT_FALSE(line.muted()) << core::name_of(codec);
  }
}

TEST(OwnMute, DoesNotEndWithTheSilenceThatASwitchedMicrophoneMayBeginWith) {
  Line line(Codec::pcmu);
  line.run(1s, sine(400));
  line.pause(3s);
  line.run(1s, silence());
  EXPECT_TRUE(line.muted());
  line.send({60}, true);
  EXPECT_FALSE(line.muted()) << "who describes the noise of his room has a microphone";
}

TEST(OwnMute, FollowsWhatWasAgreed) {
  Line line(Codec::pcmu);
  line.pause(10s);
  EXPECT_FALSE(line.muted()) << "nobody has said that there is a voice";
  line.source.set_own_sound(OwnSound::expected);
  line.pause(1900ms);
  EXPECT_FALSE(line.muted());
  line.pause(200ms);
  EXPECT_TRUE(line.muted());
  line.source.set_own_sound(OwnSound::none);
  line.pause(kTick);
  EXPECT_FALSE(line.muted()) << "on hold";
  line.run(10s, silence());
  EXPECT_FALSE(line.muted());
  line.source.set_own_sound(OwnSound::refused);
  line.pause(kTick);
  EXPECT_TRUE(line.muted());
  line.source.set_own_sound(OwnSound::expected);
  line.run(1s, sine(400));
  EXPECT_FALSE(line.muted());
}

TEST(OwnMute, IsUnknownOfWhomNobodyListensTo) {
  Line line(Codec::pcmu);
  line.run(5s, silence());
  EXPECT_TRUE(line.muted());
  line.source.set_muted(true);
  line.run(1s, silence());
  EXPECT_FALSE(line.muted()) << "by an operator: what is sent is not looked at";
  line.pause(3s);
  EXPECT_TRUE(line.muted()) << "but whether something is";
  line.source.set_muted(false);
  line.source.rest();
  EXPECT_FALSE(line.muted());
  line.pause(1s);
  EXPECT_FALSE(line.muted()) << "the time in which nobody looked does not count";
}

TEST(OwnMute, IsToldOfWithoutDecoding) {
  Line line(Codec::opus);
  line.run(1s, sine(400));
  line.run(5s, silence());
  const uint64_t before = line.source.stats().left_out;
  line.run(2s, silence());
  EXPECT_TRUE(line.muted());
  EXPECT_GE(line.source.stats().left_out - before, 97u);
}

TEST(OwnMute, IsNoneOfNoiseSuppressionsWhichMakesSilenceOfNoise) {
  Line line(Codec::pcmu);
  VoiceProcessing wanted;
  wanted.noise_suppression = true;
  line.source.set_processing(wanted);
  for (int i = 0; i < 500; ++i) {
    line.run(kTick, noise(-72));
    ASSERT_FALSE(line.muted());
  }
  line.run(4s, silence());
  EXPECT_TRUE(line.muted());
}

struct Watcher final : AudioRoomObserver {
  void on_speech(uint64_t, Speech) override {}
  void on_playout_delay(uint64_t, core::Duration) override {}
  void on_self_muted(uint64_t member, bool muted) override { told.emplace_back(member, muted); }
  std::vector<std::pair<uint64_t, bool>> told;
};

TEST(AudioRoom, TellsWhoMutesHimselfOnceAndThatNobodyKnowsWhenNobodyListens) {
  const auto watcher = std::make_shared<Watcher>();
  AudioRoom room(core::Bitrate::kbps(64), watcher);
  Phone a, b;
  AudioFormat format;
  format.codec = Codec::pcmu;
  a.join(room, 1, std::make_unique<Talker>(Codec::pcmu, sine(400)), format);
  b.join(room, 2, std::make_unique<Talker>(Codec::pcmu, sine(400)), std::nullopt);
  TimePoint now = run(room, {&a, &b}, kStart, 100);
  EXPECT_TRUE(watcher->told.empty());
  b.talker->set_signal(silence());
  now = run(room, {&a, &b}, now, 400);
  using Told = std::vector<std::pair<uint64_t, bool>>;
  EXPECT_EQ(watcher->told, (Told{{2, true}}));
  b.talker->set_signal(sine(400));
  now = run(room, {&a, &b}, now, 100);
  EXPECT_EQ(watcher->told, (Told{{2, true}, {2, false}}));
  now = run(room, {&a}, now, 150);
  EXPECT_EQ(watcher->told, (Told{{2, true}, {2, false}, {2, true}}));
  room.remove_output(1);
  run(room, {&a}, now, 1);
  EXPECT_EQ(watcher->told, (Told{{2, true}, {2, false}, {2, true}, {2, false}}));
}

}  // namespace
}  // namespace partyline::mixer::testing
