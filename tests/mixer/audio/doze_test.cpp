// Packets that nobody would hear are not decoded, and it makes no difference to what is heard.
#include <opus/opus.h>

#include <random>

#include "tests/mixer/audio/audio_support.hpp"

namespace partyline::mixer::testing {
namespace {

/// A phone's own encoder, with settings that ours do not use.
struct Sender {
  std::string name;
  int application = OPUS_APPLICATION_VOIP;
  int bitrate = 32000;
  bool constant = false, dtx = false, fec = false;
};

std::ostream& operator<<(std::ostream& out, const Sender& sender) {
  return out << sender.name;
}

/// A member whose packets arrive on time, and what a decoder that leaves nothing out makes of them.
class Call {
 public:
  explicit Call(const Sender& sender) : sender_(sender) {
    int error = 0;
    encoder_ = opus_encoder_create(kSampleRate, 1, sender.application, &error);
    opus_encoder_ctl(encoder_, OPUS_SET_BITRATE(sender.bitrate));
    opus_encoder_ctl(encoder_, OPUS_SET_VBR(sender.constant ? 0 : 1));
    opus_encoder_ctl(encoder_, OPUS_SET_DTX(sender.dtx ? 1 : 0));
    opus_encoder_ctl(encoder_, OPUS_SET_INBAND_FEC(sender.fec ? 1 : 0));
    opus_encoder_ctl(encoder_, OPUS_SET_PACKET_LOSS_PERC(sender.fec ? 20 : 0));
    opus_encoder_ctl(encoder_, OPUS_SET_COMPLEXITY(3));
    if (sender.fec) opus_encoder_ctl(encoder_, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
    decoder_ = make_opus_decoder();
  }
  ~Call() { opus_encoder_destroy(encoder_); }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  void run(core::Duration length, const Signal& signal, const std::function<bool(int64_t)>& lost = {}) {
    for (const TimePoint end = now_ + length; now_ < end; ++sequence_) {
      std::array<float, kTickSamples> pcm{};
      for (float& sample : pcm) sample = signal(position_++) + noise_(random_);
      core::EncodedFrame frame;
      frame.buffer = core::Buffer::allocate(kMaxEncodedAudio);
      const int bytes = opus_encode_float(encoder_, pcm.data(), kTickSamples, frame.buffer.data(), kMaxEncodedAudio);
      frame.buffer.resize(static_cast<size_t>(bytes));
      frame.data = std::as_const(frame.buffer).span();
      frame.capture = now_ + 5ms - kTick;
      frame.arrival = now_ + 5ms;
      frame.sequence = sequence_;
      frame.rtp_time = position_ - static_cast<int64_t>(kTickSamples);
      frame.audio_level = level;
      std::vector<float> full(kTickSamples);
      const bool missing = lost && lost(sequence_);
      EXPECT_EQ(decoder_->decode(missing ? std::span<const uint8_t>(kNothing) : frame.data, full), 960);
      decoded.insert(decoded.end(), full.begin(), full.end());
      if (late_) source.push(*std::exchange(late_, std::nullopt));
      if (!missing && jitter && sequence_ % 2 == 1) {
        frame.arrival += 20ms;
        late_ = frame;
      } else if (!missing) {
        source.push(frame);
      }
      now_ += kTick;
      source.tick(now_);
      hear(source, heard);
    }
  }
  void run_quiet(core::Duration length) { run(length, silence()); }
  void set_noise(double dbov) {
    noise_ = std::normal_distribution<float>(0, static_cast<float>(std::pow(10, dbov / 20)));
  }
  /// The tick that begins so many samples in; blocks have the 20 ms of their packet.
  std::span<const float> heard_from(int64_t tick, size_t ticks = 1) const {
    return std::span<const float>(heard).subspan(static_cast<size_t>(tick) * kTickSamples, ticks * kTickSamples);
  }
  std::span<const float> decoded_from(int64_t tick, size_t ticks = 1) const {
    return std::span<const float>(decoded).subspan(static_cast<size_t>(tick) * kTickSamples, ticks * kTickSamples);
  }
  int64_t ticks() const { return sequence_; }
  uint64_t left_out() const { return source.stats().left_out; }

  AudioSource source{1};
  std::optional<uint8_t> level;
  bool jitter = false;  // every other packet comes a tick late
  std::vector<float> heard, decoded;

 private:
  static constexpr std::array<uint8_t, 1> kNothing{0xf8};  // a frame of no bytes: concealed
  std::optional<core::EncodedFrame> late_;
  Sender sender_;
  OpusEncoder* encoder_ = nullptr;
  std::unique_ptr<AudioDecoder> decoder_;
  std::mt19937 random_{1};
  std::normal_distribution<float> noise_{0, 1e-3F};  // -60 dBov
  TimePoint now_ = kStart;
  int64_t position_ = 0, sequence_ = 0;
};

/// A vowel that begins at once.
Signal vowel(double amplitude = 0.08) {
  return [=](int64_t n) {
    const double t = static_cast<double>(n) / kSampleRate * 2 * std::numbers::pi;
    double sum = 0;
    for (int h = 1; h <= 12; ++h) sum += std::sin(h * 140 * t + h * h) / h;
    return static_cast<float>(amplitude * sum);
  };
}

class EverySender : public ::testing::TestWithParam<Sender> {};

TEST_P(EverySender, IsNotDecodedWhileSilentAndHeardFromTheFirstSoundOn) {
  for (const double noise : {-85.0, -55.0}) {
    // What DTX decodes to comes and goes at this level, and over the gate.
    if (GetParam().dtx && noise > -60) continue;
    Call call(GetParam());
    call.set_noise(noise);
    call.run_quiet(noise < -80 ? 5s : 27s);  // until the gate is over the noise
    const uint64_t before = call.left_out();
    call.run_quiet(4s);
    EXPECT_GE(call.left_out() - before, 170u) << noise;
    EXPECT_EQ(call.source.contributes(), false) << noise;
    for (int word = 0; word < 3; ++word) {
      const int64_t onset = call.ticks();
      call.run(200ms, vowel());
      // The first packet may be half of it the encoder's look-ahead.
      EXPECT_NEAR(level_dbov(call.heard_from(onset)), level_dbov(call.decoded_from(onset)), 1.0)
          << noise << " " << word;
      for (int64_t tick = onset + 1; tick < onset + 10; ++tick) {
        EXPECT_NEAR(level_dbov(call.heard_from(tick)), level_dbov(call.decoded_from(tick)), 0.3)
            << noise << " " << word;
      }
      EXPECT_LT(largest_bend(call.heard_from(onset - 1, 10)), 1.25F * largest_bend(call.decoded_from(onset - 1, 10)));
      call.run_quiet(2s + word * kTick);
    }
    EXPECT_EQ(call.source.stats().concealed_ms, 0u);
    EXPECT_EQ(call.source.stats().late_frames, 0u);
    EXPECT_EQ(call.source.stats().decode_errors, 0u);
  }
}

TEST_P(EverySender, ShowsTheLevelOfItsRoomWhileItIsNotDecoded) {
  Call call(GetParam());
  call.run_quiet(25s);
  for (int i = 0; i < 60; ++i) {
    call.run_quiet(kTick);
    EXPECT_NEAR(call.source.stats().level_dbov, level_dbov(call.decoded_from(call.ticks() - 1)),
                GetParam().dtx ? 12 : 4);
  }
}

TEST_P(EverySender, IsSilentASecondAfterEachWordAndStaysSo) {
  Call call(GetParam());
  call.set_noise(-200);
  call.run_quiet(2s);
  for (int word = 0; word < 2; ++word) {
    call.run(1s, vowel());
    EXPECT_TRUE(call.source.contributes());
    call.run_quiet(1200ms);
    for (int i = 0; i < 100; ++i) {
      call.run_quiet(kTick);
      ASSERT_FALSE(call.source.contributes()) << i;
    }
  }
}

TEST_P(EverySender, IsHeardWithASteadyToneForAsLongAsItLasts) {
  Call call(GetParam());
  call.set_noise(-75);
  call.run_quiet(4s);
  EXPECT_GT(call.left_out(), 50u);
  call.run(6s, sine(440, 0.02));
  EXPECT_NEAR(tone_level(std::span<const float>(call.heard).last(5 * 48000), 440), 0.02, 0.004);
}

TEST_P(EverySender, HasMutedItselfWhenThereIsNothingInItsPacketsNotWhenItIsOnlyQuiet) {
  Call call(GetParam());
  call.set_noise(-82);
  call.run(1s, vowel());
  for (int i = 0; i < 500; ++i) {
    call.run_quiet(kTick);
    ASSERT_FALSE(call.source.self_muted()) << i;
  }
  call.set_noise(-200);
  for (int round = 0; round < 2; ++round) {
    call.run_quiet(2500ms);
    EXPECT_FALSE(call.source.self_muted());
    // The noise that its decoder fills pauses with is long in fading, and one packet of 20 is more than a placeholder.
    call.run_quiet(GetParam().dtx ? 25s : 2500ms);
    for (int i = 0; i < 300; ++i) {
      call.run_quiet(kTick);
      ASSERT_TRUE(call.source.self_muted()) << i;
    }
    call.run(3 * kTick, vowel());
    EXPECT_FALSE(call.source.self_muted());
    call.run(200ms, vowel());
  }
}

INSTANTIATE_TEST_SUITE_P(Opus, EverySender,
                         ::testing::Values(Sender{"voice_24", OPUS_APPLICATION_VOIP, 24000},
                                           Sender{"voice_16", OPUS_APPLICATION_VOIP, 16000},
                                           Sender{"voice_fec", OPUS_APPLICATION_VOIP, 32000, false, false, true},
                                           Sender{"voice_constant", OPUS_APPLICATION_VOIP, 32000, true},
                                           Sender{"voice_dtx", OPUS_APPLICATION_VOIP, 32000, false, true},
                                           Sender{"audio_32", OPUS_APPLICATION_AUDIO, 32000},
                                           Sender{"audio_64", OPUS_APPLICATION_AUDIO, 64000},
                                           Sender{"audio_constant", OPUS_APPLICATION_AUDIO, 48000, true},
                                           Sender{"low_delay", OPUS_APPLICATION_RESTRICTED_LOWDELAY, 64000}),
                         [](const auto& test) { return test.param.name; });

TEST(Doze, DecodesWhenTheSenderSaysThatSomebodyTalks) {
  Call call({"told"});
  call.set_noise(-75);
  call.level = 62;
  call.run_quiet(5s);
  const uint64_t before = call.left_out();
  call.run_quiet(2s);
  EXPECT_GE(call.left_out() - before, 97u);
  const int64_t onset = call.ticks();
  call.level = 25;
  call.run(1s, vowel());
  EXPECT_NEAR(level_dbov(call.heard_from(onset)), level_dbov(call.decoded_from(onset)), 1.0);
  EXPECT_TRUE(call.source.speaking());
}

TEST(Doze, HasMutedItselfWhenItSaysSoAndNotWhenItSaysLittleMore) {
  Call call({"told"});
  call.set_noise(-200);
  call.level = 110;
  call.run_quiet(8s);
  EXPECT_FALSE(call.source.self_muted());
  call.level = 127;
  call.run_quiet(4s);
  const uint64_t before = call.left_out();
  call.run_quiet(2s);
  EXPECT_TRUE(call.source.self_muted());
  EXPECT_GE(call.left_out() - before, 97u);
  call.level = 60;
  call.run_quiet(2 * kTick);
  EXPECT_FALSE(call.source.self_muted());
}

TEST(Doze, DoesNotTakeTheWordOfALiarForAMute) {
  Call call({"liar"});
  call.level = 127;
  call.set_noise(-60);
  for (int word = 0; word < 3; ++word) {
    call.run(2s, vowel());
    EXPECT_FALSE(call.source.self_muted());
    call.run_quiet(5s);
  }
  EXPECT_FALSE(call.source.self_muted()) << "his room is heard";
}

TEST(Doze, FindsOutWhoClaimsSilenceAndTalksAndBelievesHimLess) {
  Call call({"liar"});
  call.level = 127;
  call.run_quiet(5s);
  int64_t onset = call.ticks();
  call.run(2s, vowel());
  EXPECT_GT(level_dbov(call.heard_from(onset + DecodeGate::kProbeEvery)), -30);
  EXPECT_TRUE(call.source.speaking());
  call.run_quiet(6s);
  onset = call.ticks();
  call.run(1s, vowel());
  EXPECT_NEAR(level_dbov(call.heard_from(onset)), level_dbov(call.decoded_from(onset)), 1.0);
}

TEST(Doze, TakesWhatIsLostInAPauseForAPauseAndWhatIsLostAtItsEndFromTheNextPacket) {
  Call call({"fec", OPUS_APPLICATION_VOIP, 24000, false, false, true});
  call.set_noise(-75);
  call.run_quiet(5s);
  const uint64_t before = call.source.stats().quiet_ms;
  call.run(2s, silence(), [](int64_t n) { return n % 10 == 3; });
  EXPECT_EQ(call.source.stats().concealed_ms, 0u);
  EXPECT_EQ(call.source.stats().quiet_ms - before, 200u);
  call.jitter = true;
  call.run_quiet(4s);
  EXPECT_GE(call.left_out(), 150u);
  for (int word = 0; word < 5; ++word) {
    const int64_t onset = call.ticks();
    const uint64_t recovered = call.source.stats().fec_recovered;
    call.run(400ms, vowel(), [&](int64_t n) { return n == onset + 1; });
    EXPECT_EQ(call.source.stats().fec_recovered, recovered + 1);
    for (int64_t tick = onset + 3; tick < onset + 20; ++tick) EXPECT_GT(level_dbov(call.heard_from(tick)), -36);
    call.run_quiet(3s);
  }
}

TEST(Doze, DoesNotOutliveNoiseSuppressionWhichWantsToHearTheNoise) {
  Call call({"suppressed"});
  VoiceProcessing wanted;
  wanted.noise_suppression = true;
  call.source.set_processing(wanted);
  call.run_quiet(8s);
  EXPECT_EQ(call.left_out(), 0u);
}

TEST(Doze, LeavesCheapCodecsAlone) {
  AudioSource source(1);
  Talker talker(Codec::pcmu, silence());
  TimePoint now = kStart;
  for (int i = 0; i < 300; ++i, now += kTick) {
    source.push(talker.next(now - kTick, now));
    source.tick(now + kTick);
  }
  EXPECT_EQ(source.stats().left_out, 0u);
}

}  // namespace
}  // namespace partyline::mixer::testing
