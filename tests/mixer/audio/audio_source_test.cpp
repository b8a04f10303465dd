#include "mixer/audio/audio_source.hpp"

#include <algorithm>
#include <map>
#include <random>

#include "tests/mixer/audio/audio_support.hpp"

namespace partyline::mixer::testing {
namespace {

// A source behind a network that delivers packets at times of the test's choosing.
class Line {
 public:
  explicit Line(std::unique_ptr<Talker> talker, core::Duration phase = 5ms, int packet_ms = 20)
      : talker_(std::move(talker)), packet_(std::chrono::milliseconds(packet_ms)), ready_(kStart + phase) {}

  /// Runs until `duration` has passed; `network` maps a packet's number to its extra delay, or nothing: lost.
  using Network = std::function<std::optional<core::Duration>(int64_t)>;
  void run(core::Duration duration, const Network& network, double sender_rate = 1.0) {
    const TimePoint end = now_ + duration;
    while (now_ < end) {
      const TimePoint tick = now_ + kTick;
      for (; ready_ <= tick; ++number_) {
        const auto delay = network(number_);
        if (dtx(number_)) {
          talker_->skip();
        } else {
          core::EncodedFrame frame = talker_->next(ready_ - packet_, ready_);
          if (delay) {
            frame.arrival += *delay;
            flying_.emplace(frame.arrival, std::move(frame));
          }
        }
        ready_ += std::chrono::duration_cast<core::Duration>(std::chrono::duration<double, std::nano>(
            static_cast<double>(std::chrono::nanoseconds(packet_).count()) / sender_rate));
      }
      while (!flying_.empty() && flying_.begin()->first <= tick) {
        source.push(flying_.begin()->second);
        flying_.erase(flying_.begin());
      }
      source.tick(tick);
      now_ = tick;
      hear(source, heard);
    }
  }
  void run(core::Duration duration) {
    run(duration, [](int64_t) { return core::Duration::zero(); });
  }
  std::span<const float> last_ms(int64_t ms) const {
    return std::span<const float>(heard).last(static_cast<size_t>(ms * kSamplesPerMs));
  }

  AudioSource source{1};
  std::vector<float> heard;
  std::function<bool(int64_t)> dtx = [](int64_t) { return false; };

 private:
  std::unique_ptr<Talker> talker_;
  core::Duration packet_;
  TimePoint now_ = kStart;
  TimePoint ready_;
  int64_t number_ = 0;
  std::multimap<TimePoint, core::EncodedFrame> flying_;
};

constexpr float kStepOf440 = 0.25F * 2 * 3.1416F * 440 / 48000;  // of a clean 440 Hz tone at a quarter of full scale

class EveryReceivedCodec : public ::testing::TestWithParam<Codec> {};

TEST_P(EveryReceivedCodec, IsPlayedCleanAndWithoutTouchingItOnAQuietNetwork) {
  Line line(std::make_unique<Talker>(GetParam(), sine(440)));
  line.run(5s);
  EXPECT_NEAR(tone_level(line.last_ms(1000), 440), 0.25, 0.01);
  EXPECT_LT(largest_step(line.last_ms(4000)), kStepOf440 * 1.3F);
  EXPECT_EQ(line.source.stats().concealed_ms, 0u);
  EXPECT_EQ(line.source.stats().stretched, 0u);
}

TEST_P(EveryReceivedCodec, SurvivesLossWithoutAClickAndCountsWhatWasConcealed) {
  Line line(std::make_unique<Talker>(GetParam(), sine(440)));
  line.run(1s);
  line.heard.clear();
  line.run(4s, [](int64_t n) -> std::optional<core::Duration> {
    if (n % 20 == 7) return std::nullopt;
    return core::Duration::zero();
  });
  EXPECT_LT(largest_step(line.last_ms(4000)), kStepOf440 * 2.5F);
  EXPECT_NEAR(tone_level(line.last_ms(1000), 440), 0.25, 0.035);
  EXPECT_EQ(line.source.stats().late_frames, 0u);
  EXPECT_NEAR(static_cast<double>(line.source.stats().concealed_ms), 200, 21);
}

INSTANTIATE_TEST_SUITE_P(Codecs, EveryReceivedCodec,
                         ::testing::Values(Codec::opus, Codec::g722, Codec::pcmu, Codec::pcma),
                         [](const auto& test) { return std::string(core::name_of(test.param)); });

TEST(AudioSource, PlaysPacketsOfEveryLength) {
  for (const int packet_ms : {10, 20, 40, 60}) {
    Line line(std::make_unique<Talker>(Codec::opus, sine(440), packet_ms), 3ms, packet_ms);
    line.run(3s);
    EXPECT_NEAR(tone_level(line.last_ms(1000), 440), 0.25, 0.02) << packet_ms;
    EXPECT_LE(line.source.stats().concealed_ms, 60u) << packet_ms;
    EXPECT_LT(largest_step(line.last_ms(1000)), kStepOf440 * 1.3F) << packet_ms;
  }
}

TEST(AudioSource, PlaysTheFirstPacketAtTheFirstTickAfterItsMargin) {
  for (int phase_ms = 0; phase_ms < 20; ++phase_ms) {
    Line line(std::make_unique<Talker>(Codec::pcmu, sine(440)), std::chrono::milliseconds(phase_ms));
    line.run(200ms);
    const auto first = std::find_if(line.heard.begin(), line.heard.end(), [](float s) { return std::fabs(s) > 0.05F; });
    const auto at = static_cast<double>(first - line.heard.begin()) / kSamplesPerMs;
    // Heard from the tick that follows, and 2 ms of resampling.
    const int tick = phase_ms <= 19 ? 0 : 20;
    EXPECT_NEAR(at, tick + 2, 1.5) << phase_ms;
  }
}

TEST(AudioSource, KeepsTheDelayNearTheTickGridWithoutJitter) {
  std::vector<double> delays;
  for (int phase_us = 0; phase_us < 20000; phase_us += 500) {
    Line line(std::make_unique<Talker>(Codec::pcmu, sine(440)), std::chrono::microseconds(phase_us));
    line.run(3s);
    delays.push_back(line.source.stats().buffered_ms);
  }
  std::sort(delays.begin(), delays.end());
  EXPECT_LE(delays[delays.size() / 2], 13);
  EXPECT_LE(delays.back(), 23);
}

TEST(AudioSource, GrowsItsBufferForJitterAndShrinksItAfterwards) {
  std::mt19937 random(1);
  std::uniform_int_distribution<int> jitter(0, 40);
  Line line(std::make_unique<Talker>(Codec::opus, sine(440)));
  line.run(2s);
  const double before = line.source.stats().buffered_ms;
  line.run(10s, [&](int64_t) { return std::chrono::milliseconds(jitter(random)); });
  const uint64_t learned = line.source.stats().concealed_ms;
  const uint64_t late = line.source.stats().late_frames;
  line.run(10s, [&](int64_t) { return std::chrono::milliseconds(jitter(random)); });
  EXPECT_LE(line.source.stats().concealed_ms - learned, 60u);
  EXPECT_LE(line.source.stats().late_frames - late, 3u);
  EXPECT_GT(line.source.stats().buffered_ms, before + 10);
  EXPECT_LT(line.source.stats().buffered_ms, 70);
  line.run(10s);
  EXPECT_LT(line.source.stats().buffered_ms, before + 3);
  EXPECT_LT(largest_step(line.last_ms(9000)), kStepOf440 * 2);
}

TEST(AudioSource, FollowsASenderWhoseClockIsOffWithoutClicksOrGaps) {
  for (const double ppm : {-300.0, 300.0}) {
    Line line(std::make_unique<Talker>(Codec::pcma, sine(440)));
    line.run(
        180s, [](int64_t) { return core::Duration::zero(); }, 1 + ppm * 1e-6);
    EXPECT_LT(line.source.stats().buffered_ms, 30) << ppm;
    EXPECT_LE(line.source.stats().concealed_ms, 20u) << ppm;
    EXPECT_LT(largest_step(line.last_ms(178000)), kStepOf440 * 1.5F) << ppm;
    EXPECT_LT(line.source.stats().stretched, 60u) << ppm;
  }
}

TEST(AudioSource, TakesAGapInTimeWithoutAGapInSequenceAsSilenceNotLoss) {
  Line line(std::make_unique<Talker>(Codec::opus, sine(440)));
  line.dtx = [](int64_t n) { return n % 100 >= 50 && n % 100 != 70; };  // a second of talk, a second of next to nothing
  line.run(10s);
  EXPECT_EQ(line.source.stats().concealed_ms, 0u);
  EXPECT_EQ(line.source.stats().late_frames, 0u);
  EXPECT_LT(line.source.stats().buffered_ms, 25);
}

TEST(AudioSource, PutsReorderedPacketsBackInOrder) {
  Line line(std::make_unique<Talker>(Codec::pcmu, sine(440)));
  line.run(20s, [](int64_t n) { return n % 10 == 3 ? 25ms : 0ms; });  // overtaken by the next
  const uint64_t late = line.source.stats().late_frames;
  line.run(10s, [](int64_t n) { return n % 10 == 3 ? 25ms : 0ms; });
  EXPECT_EQ(line.source.stats().late_frames, late);
  EXPECT_LT(largest_step(line.last_ms(9000)), kStepOf440 * 1.6F);
}

TEST(AudioSource, IsNotConfusedBySequenceAndTimeAroundTheirWraps) {
  for (const int64_t base : {int64_t{65530}, int64_t{(1LL << 32) - 3}, int64_t{-3}}) {
    Line line(std::make_unique<Talker>(Codec::opus, sine(440), 20, base * 960, base));
    line.run(2s);
    EXPECT_EQ(line.source.stats().concealed_ms, 0u);
    EXPECT_NEAR(tone_level(line.last_ms(1000), 440), 0.25, 0.01);
  }
}

TEST(AudioSource, StartsAfreshWhenSequenceOrTimeJump) {
  AudioSource source(1);
  Talker first(Codec::pcmu, sine(440), 20, 1000, 100);
  Talker second(Codec::pcmu, sine(440), 20, 4000000000, 60000);
  TimePoint now = kStart;
  std::vector<float> heard;
  for (int i = 0; i < 200; ++i) {
    source.push((i < 100 ? first : second).next(now - kTick, now + 5ms));
    now += kTick;
    source.tick(now);
    hear(source, heard);
  }
  EXPECT_NEAR(tone_level(std::span<const float>(heard).last(24000), 440), 0.25, 0.01);
  // Nothing is missing but the packet at the seam.
  EXPECT_GT(level_dbov(std::span<const float>(heard).subspan(101 * 960, 960)), -25);
}

TEST(AudioSource, ChangesCodecInTheMiddleOfACallAndInItsPauses) {
  for (const int pause : {0, 50}) {
    AudioSource source(1);
    Talker first(Codec::pcmu, sine(440), 20, 1000, 100);
    Talker second(Codec::opus, sine(440), 20, 77777777, 150);
    TimePoint now = kStart;
    std::vector<float> heard;
    for (int i = 0; i < 100 + pause; ++i) {
      if (i < 50) source.push(first.next(now - kTick, now + 5ms));
      if (i >= 50 + pause) source.push(second.next(now - kTick, now + 5ms));
      now += kTick;
      source.tick(now);
      hear(source, heard);
    }
    if (pause == 0) {
      EXPECT_EQ(source.stats().concealed_ms, 0u);
    }
    EXPECT_NEAR(tone_level(std::span<const float>(heard).last(24000), 440), 0.25, 0.01) << pause;
  }
}

TEST(AudioSource, CountsPacketsThatDoNotDecodeAndGoesOn) {
  Line line(std::make_unique<Talker>(Codec::opus, sine(440)));
  line.run(1s);
  core::EncodedFrame garbage;
  garbage.codec = Codec::opus;
  garbage.buffer = core::Buffer::copy_of(std::vector<uint8_t>{0xff, 0xff, 0xff, 0xff});
  garbage.data = garbage.buffer.span();
  garbage.sequence = 51;
  line.source.push(garbage);
  core::EncodedFrame empty;
  empty.codec = Codec::pcmu;
  line.source.push(empty);
  core::EncodedFrame video;
  video.codec = Codec::vp8;
  line.source.push(video);
  line.run(1s);
  EXPECT_GE(line.source.stats().decode_errors, 1u);
  EXPECT_NEAR(tone_level(line.last_ms(500), 440), 0.25, 0.01);
}

TEST(AudioSource, IsSilentWhileMutedAndComesBackWithoutAClick) {
  Line line(std::make_unique<Talker>(Codec::opus, sine(440)));
  line.run(1s);
  line.source.set_muted(true);
  line.run(1s);
  EXPECT_LT(level_dbov(line.last_ms(900)), -120);
  EXPECT_FALSE(line.source.speaking());
  line.source.set_muted(false);
  line.run(1s);
  EXPECT_NEAR(tone_level(line.last_ms(500), 440), 0.25, 0.01);
  EXPECT_LT(largest_step(line.last_ms(2900)), kStepOf440 * 2);
}

TEST(AudioSource, TellsWhoSpeaksWithHysteresis) {
  Line line(std::make_unique<Talker>(Codec::opus, [](int64_t n) { return n < 2 * kSampleRate ? sine(440)(n) : 0.0F; }));
  line.run(100ms);
  EXPECT_TRUE(line.source.speaking());
  line.run(2s);
  EXPECT_TRUE(line.source.speaking());
  line.run(1s);
  EXPECT_FALSE(line.source.speaking());
  EXPECT_NEAR(line.source.stats().level_dbov, -127, 40);
}

TEST(AudioSource, ReportsTheDelayFromCaptureToTick) {
  Line line(std::make_unique<Talker>(Codec::pcmu, sine(440)), 5ms);
  line.run(3s);
  // Captured 20 ms before it was complete, complete 15 ms before its tick.
  EXPECT_NEAR(std::chrono::duration<double>(line.source.playout_delay()).count(), 0.035, 0.003);
}

TEST(AudioSource, StaysBoundedWhateverAStrangerSends) {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    std::mt19937 random(seed);
    const auto pick = [&](int64_t least, int64_t most) {
      return std::uniform_int_distribution<int64_t>(least, most)(random);
    };
    AudioSource source(1);
    TimePoint now = kStart;
    int64_t sequence = 0;
    int64_t rtp = 0;
    for (int tick = 0; tick < 3000; ++tick) {
      for (int64_t i = pick(0, 3); i > 0; --i) {
        core::EncodedFrame frame;
        frame.codec = static_cast<Codec>(pick(0, 6));
        frame.buffer = core::Buffer::allocate(1500);
        frame.buffer.resize(static_cast<size_t>(pick(0, 3) == 0 ? pick(0, 1500) : pick(1, 200)));
        for (uint8_t& byte : frame.buffer.span()) byte = static_cast<uint8_t>(pick(0, 255));
        frame.data = frame.buffer.span();
        sequence += pick(0, 50) == 0 ? pick(-70000, 70000) : pick(-1, 3);
        rtp += pick(0, 50) == 0 ? pick(-(1LL << 32), 1LL << 32) : pick(-100, 3000);
        frame.sequence = sequence;
        frame.rtp_time = rtp;
        frame.arrival = now + std::chrono::milliseconds(pick(-100, 20));
        frame.capture = pick(0, 9) == 0 ? TimePoint{} : frame.arrival - 20ms;
        source.push(frame);
      }
      now += kTick;
      source.set_muted(pick(0, 99) == 0);
      source.tick(now);
      for (const float sample : at_48_khz(source)) ASSERT_TRUE(std::isfinite(sample));
      ASSERT_GE(source.playout_delay(), 0ms);
      ASSERT_LE(source.playout_delay(), 1s);
    }
  }
}

}  // namespace
}  // namespace partyline::mixer::testing
