// Sound that is passed on as it came, in virtual time.
#include "mixer/audio/audio_pass.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace partyline::mixer {
namespace {

using namespace std::chrono_literals;
using State = AudioPass::State;

constexpr AudioFormat kOpus{core::Codec::opus, 1, 20, {}, 0};
constexpr AudioFormat kPcmu{core::Codec::pcmu, 1, 20, {}, 0};

core::EncodedFrame packet(core::Codec codec, std::vector<uint8_t> bytes) {
  core::EncodedFrame frame;
  frame.codec = codec;
  frame.buffer = core::Buffer::copy_of(bytes);
  frame.data = std::as_const(frame.buffer).span();
  return frame;
}
// Opus, CELT, fullband, 20 ms, one frame.
core::EncodedFrame opus() {
  return packet(core::Codec::opus, std::vector<uint8_t>(80, 0xF8));
}

struct Line {
  explicit Line(const AudioFormat& format = kOpus) : pass(format) {}
  AudioPass pass;
  core::TimePoint start = core::TimePoint(1000h), now = start;
  int64_t sequence = 60'000, source_time = 5'000'000;
  std::vector<core::EncodedFrame> sent;
  bool mixed() {
    core::EncodedFrame frame = opus();
    frame.capture = now;
    frame.rtp_time = (now - start) / 20ms * 960;
    const auto time = pass.take_mixed(frame);
    frame.rtp_time = time.value_or(frame.rtp_time);
    return time && keep(frame);
  }
  bool source(core::EncodedFrame frame = opus()) {
    frame.capture = now - 30ms;
    frame.sequence = sequence++;
    frame.rtp_time = source_time + (now - start) / 20ms * 960;
    return pass.take_passed(frame) && keep(frame);
  }
  bool keep(const core::EncodedFrame& frame) {
    sent.push_back(frame);
    return true;
  }
  /// Both sides for so many ticks; how many packets were sent.
  size_t run(int ticks) {
    const size_t before = sent.size();
    for (int i = 0; i < ticks; ++i, now += 20ms) {
      source();
      mixed();
    }
    return sent.size() - before;
  }
};

TEST(AudioPass, passing_begins_after_a_second_of_packets_that_fit_and_nothing_is_missing) {
  Line line;
  EXPECT_EQ(line.run(10), 10u);
  line.pass.aim();
  EXPECT_EQ(line.run(49), 49u);
  EXPECT_EQ(line.pass.state(), State::arming);
  EXPECT_EQ(line.run(100), 100u);
  EXPECT_EQ(line.pass.state(), State::passing);
  line.pass.release(false);
  EXPECT_EQ(line.run(100), 101u) << "in one tick both have something to say";
  EXPECT_EQ(line.pass.state(), State::mixed);
  for (size_t i = 1; i < line.sent.size(); ++i) {
    const int64_t step = line.sent[i].rtp_time - line.sent[i - 1].rtp_time;
    EXPECT_GE(step, 960) << i;
    EXPECT_LE(step, 960 + 48 * 31) << i << ": the way to us, once";
    EXPECT_FALSE(line.sent[i].after_loss);
  }
}

TEST(AudioPass, the_mix_has_a_tenth_of_a_second_to_warm_up) {
  Line line;
  line.pass.aim();
  line.run(100);
  line.pass.release(false);
  for (int i = 0; i < 4; ++i, line.now += 20ms) {
    EXPECT_TRUE(line.source());
    EXPECT_FALSE(line.mixed());
  }
  EXPECT_TRUE(line.mixed());
  EXPECT_FALSE(line.source());
}

TEST(AudioPass, who_is_muted_is_not_heard_for_another_moment) {
  Line line;
  line.pass.aim();
  line.run(100);
  line.pass.release(true);
  EXPECT_FALSE(line.source());
  EXPECT_TRUE(line.mixed());
}

TEST(AudioPass, what_was_lost_on_the_way_to_us_is_told_to_the_receiver) {
  Line line;
  line.pass.aim();
  line.run(100);
  line.sequence += 2;
  line.run(1);
  EXPECT_TRUE(line.sent.back().after_loss);
  line.run(1);
  EXPECT_FALSE(line.sent.back().after_loss);
  line.sequence -= 2;
  EXPECT_EQ(line.run(1), 0u) << "too late";
  EXPECT_EQ(line.pass.late(), 1u);
}

// A publisher that is pulled anew, a phone that was restarted.
TEST(AudioPass, a_source_that_begins_to_count_anew_goes_on_being_heard) {
  for (const int64_t start : {int64_t{12}, int64_t{60'000} + 20'000}) {
    Line line;
    line.pass.aim();
    line.run(100);
    line.sequence = start;
    line.source_time = 77;
    EXPECT_EQ(line.run(50), 50u) << start;
    EXPECT_EQ(line.pass.late(), 0u);
    for (size_t i = 1; i < line.sent.size(); ++i) {
      const int64_t step = line.sent[i].rtp_time - line.sent[i - 1].rtp_time;
      EXPECT_GE(step, 960) << i;
      EXPECT_LE(step, 960 + 48 * 31) << i;
      EXPECT_FALSE(line.sent[i].after_loss) << i;
    }
  }
}

TEST(AudioPass, only_packets_that_the_receiver_expects_are_passed) {
  const auto g711 = [](size_t bytes) { return packet(core::Codec::pcmu, std::vector<uint8_t>(bytes, 0xFF)); };
  for (const auto& [bytes, passes] : {std::pair{160, true}, {240, false}, {80, false}}) {
    Line line(kPcmu);
    line.pass.aim();
    for (int i = 0; i < 100; ++i, line.now += 20ms) line.source(g711(static_cast<size_t>(bytes)));
    EXPECT_EQ(line.pass.state() == State::passing, passes) << bytes;
  }
  Line other(kPcmu);
  other.pass.aim();
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(other.source(opus()));
  EXPECT_TRUE(other.pass.take_misfit());
}

TEST(AudioPass, a_source_that_changes_its_codec_gives_way_to_the_mix_at_once) {
  Line line;
  line.pass.aim();
  line.run(100);
  EXPECT_FALSE(line.source(packet(core::Codec::pcmu, std::vector<uint8_t>(160, 0xFF))));
  EXPECT_TRUE(line.pass.take_misfit());
  EXPECT_TRUE(line.mixed());
}

TEST(AudioPass, descriptions_of_noise_are_left_out_and_end_nothing) {
  Line line;
  line.pass.aim();
  line.run(100);
  core::EncodedFrame noise = opus();
  noise.comfort_noise = true;
  EXPECT_FALSE(line.source(noise));
  EXPECT_EQ(line.pass.state(), State::passing);
  EXPECT_TRUE(line.source());
}

}  // namespace
}  // namespace partyline::mixer
