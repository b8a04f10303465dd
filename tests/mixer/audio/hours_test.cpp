// Hours of a call in virtual time: clocks that differ, pauses that are not sent, lips that must stay with the voice.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <memory>
#include <random>

#include "rtp/send_stream.hpp"
#include "tests/support/voice_path.hpp"

namespace partyline::mixer::testing {
namespace {

using namespace std::chrono_literals;
using core::TimePoint;
using test::ms;
using test::VoicePath;
using test::VoicePathSettings;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kShare = 60;
#else
constexpr int kShare = 1;
#endif

/// The same person's camera: five pictures a second with reports of their own, on a slower path.
class Camera {
 public:
  Camera(VoicePath& voice, rtp::RemoteClock& clock, bool reports)
      : voice_(voice), clock_(clock), id_(clock.add_stream(90000)), reports_(reports) {}

  /// Everything that arrives until now.
  void run() {
    for (;;) {
      const TimePoint taken = VoicePath::kBegin + 200ms * number_;  // his time
      if (!delay_) delay_ = 60ms + std::chrono::milliseconds(random_() % 20);
      const TimePoint arrival = voice_.global(taken) + *delay_;
      if (arrival > voice_.now) return;
      const int64_t rtp_time = 12345 + number_ * 18000;
      clock_.on_packet(id_, rtp_time, arrival);
      if (reports_ && number_ % 25 == 3) clock_.on_sender_report(id_, rtp::media_ntp(taken), rtp_time, arrival);
      const TimePoint shown = std::max(arrival, clock_.capture(id_, rtp_time, arrival) + voice_.ears.playout_delay());
      behind = shown - voice_.global(taken);
      delay_.reset();
      ++number_;
    }
  }
  core::Duration behind{};  ///< from the scene to its picture, of the last one

 private:
  VoicePath& voice_;
  rtp::RemoteClock& clock_;
  rtp::RemoteClock::StreamId id_;
  bool reports_;
  int64_t number_ = 0;
  std::optional<core::Duration> delay_;
  std::mt19937 random_{7};
};

/// Finds where words begin in what is heard.
class Ear {
 public:
  /// The moments at which a word that begins `every` after the other was first heard, as delays.
  std::optional<core::Duration> listen(const VoicePath& voice, core::Duration every) {
    const auto samples = voice.ears.samples();
    std::optional<core::Duration> found;
    for (size_t i = 0; i < samples.size(); ++i) {
      step = std::max(step, std::fabs(samples[i] - last_));
      last_ = samples[i];
      quiet_ = std::fabs(last_) < 0.05F ? quiet_ + 1 : 0;
      if (quiet_ > 0 || !waiting_) {
        waiting_ = waiting_ || quiet_ > voice.ears.rate() / 2;
        continue;
      }
      waiting_ = false;
      const TimePoint heard = voice.now + i * 1'000'000'000ns / voice.ears.rate();
      const core::Duration since = voice.local(heard) - VoicePath::kBegin - voice.settings.phase;
      found = since % every;
    }
    return found;
  }
  float step = 0;

 private:
  float last_ = 0;
  int quiet_ = 0;
  bool waiting_ = false;
};

VoicePathSettings conversation(double ppm) {
  VoicePathSettings settings;
  settings.codec = core::Codec::pcmu;
  settings.signal = test::tone(400);
  settings.ppm = ppm;
  settings.link.delay = 40ms;
  settings.link.sigma = 5ms;
  settings.true_capture = false;
  settings.keep_heard = false;
  return settings;
}

struct Lips {
  double worst = 0, depth = 0;  // ms
  float step = 0;
  int words = 0;
};
Lips six_hours(double ppm, bool reports) {
  auto clock = std::make_shared<rtp::RemoteClock>();
  VoicePathSettings settings = conversation(ppm);
  settings.clock = clock;
  settings.reports = reports;
  VoicePath voice(settings);
  voice.speaks = [](int64_t sample) { return sample % (3 * kSampleRate) < kSampleRate; };
  Camera camera(voice, *clock, reports);
  Ear ear;
  Lips lips;
  voice.on_tick = [&] {
    camera.run();
    const auto behind = ear.listen(voice, 3s);
    lips.depth = std::max(lips.depth, voice.ears.stats().buffered_ms);
    if (!behind || voice.now < VoicePath::kBegin + 5s) return;
    ++lips.words;
    lips.worst = std::max(lips.worst, std::fabs(ms(*behind - camera.behind)));
  };
  voice.run(core::Duration(6h) / kShare);
  lips.step = ear.step;
  return lips;
}

class Skew : public ::testing::TestWithParam<double> {};

TEST_P(Skew, SixHoursWithPausesKeepLipsAndVoiceTogether) {
  const Lips lips = six_hours(GetParam(), true);
  EXPECT_GT(lips.words, 7000 / kShare);
  EXPECT_LT(lips.worst, 40);
  EXPECT_LT(lips.depth, 50);
  EXPECT_LT(lips.step, 0.25F * 2 * 3.1416F * 400 / 8000 * 1.5F);
}

INSTANTIATE_TEST_SUITE_P(OfTheTalkersClock, Skew, ::testing::Values(200.0, -200.0),
                         [](const auto& test) { return test.param > 0 ? "Fast" : "Slow"; });

struct Call {
  core::Codec codec;
  double ppm;
  core::Duration mostly, thoroughly;  ///< how long, and with PARTYLINE_LONG_TESTS in the environment
};

core::Duration length_of(const Call& call) {
  return std::getenv("PARTYLINE_LONG_TESTS") != nullptr ? call.thoroughly : call.mostly / kShare;
}

class WithoutPauses : public ::testing::TestWithParam<Call> {};

TEST_P(WithoutPauses, SkewIsAbsorbedAPeriodAtATime) {
  const Call& call = GetParam();
  const core::Duration length = length_of(call);
  VoicePathSettings settings = conversation(call.ppm);
  settings.codec = call.codec;
  settings.link.sigma = {};
  VoicePath voice(settings);
  Ear ear;
  double depth = 0;
  voice.on_tick = [&] {
    ear.listen(voice, 3s);
    depth = std::max(depth, voice.ears.stats().buffered_ms);
  };
  voice.run(length);
  const auto stats = voice.ears.stats();
  const double drift = std::fabs(call.ppm) * 1e-6 * ms(length);
  EXPECT_LT(depth, 30);
  EXPECT_LE(stats.concealed_ms, 40u);
  // A period is 2.5 to 15 ms.
  EXPECT_GE(static_cast<double>(stats.stretched), drift / 15 - 2);
  EXPECT_LT(static_cast<double>(stats.stretched), drift / 2.5 + 68);
  EXPECT_LT(ear.step, 0.25F * 2 * 3.1416F * 400 / static_cast<float>(voice.ears.rate()) * 1.5F);
}

INSTANTIATE_TEST_SUITE_P(Calls, WithoutPauses,
                         ::testing::Values(Call{core::Codec::pcmu, 300, 1h, 3h}, Call{core::Codec::pcmu, -300, 1h, 3h},
                                           Call{core::Codec::g722, 300, 20min, 3h},
                                           Call{core::Codec::g722, -300, 20min, 3h},
                                           Call{core::Codec::opus, 300, 10min, 3h},
                                           Call{core::Codec::opus, -300, 10min, 3h}),
                         [](const auto& test) {
                           return std::string(core::name_of(test.param.codec)) + (test.param.ppm > 0 ? "Fast" : "Slow");
                         });

}  // namespace
}  // namespace partyline::mixer::testing
