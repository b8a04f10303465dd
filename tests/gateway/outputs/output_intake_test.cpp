// What a leg's recording begins with and what of it is written: frames go into the queue, and out of the intake comes
// what a file would get. VP8 keyframes are the ten bytes that name their size (RFC 6386 §9.1).
#include "gateway/outputs/output_intake.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace partyline::gateway {
namespace {

using core::Codec;
using core::EncodedFrame;
using namespace std::chrono_literals;

const core::TimePoint zero{core::TimePoint{} + 500s};

class Wishes final : public core::MediaFeedback {
 public:
  void request_keyframe() override { ++keyframes; }
  void set_target_bitrate(core::Bitrate) override {}
  int keyframes = 0;
};

EncodedFrame with_bytes(Codec codec, const std::vector<uint8_t>& bytes) {
  EncodedFrame frame;
  frame.codec = codec;
  frame.capture = frame.arrival = zero;
  frame.buffer = core::Buffer::copy_of(bytes);
  frame.data = frame.buffer.span();
  return frame;
}
EncodedFrame key() {
  auto frame = with_bytes(Codec::vp8, {0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01, 0, 0});
  frame.keyframe = true;
  return frame;
}
EncodedFrame delta() {
  return with_bytes(Codec::vp8, {0x11, 0, 0, 0});
}
EncodedFrame broken() {
  auto frame = delta();
  frame.after_loss = true;
  return frame;
}
EncodedFrame sound(int64_t number, Codec codec = Codec::pcmu) {
  auto frame = with_bytes(codec, std::vector<uint8_t>(160));
  frame.sequence = number;
  frame.capture = frame.arrival = zero + number * 20ms;
  return frame;
}
EncodedFrame noise(int64_t number) {
  auto frame = sound(number);
  frame.comfort_noise = true;
  return frame;
}

std::string letters(const std::vector<EncodedFrame>& frames) {
  std::string result;
  for (const auto& frame : frames)
    result += frame.codec == Codec::vp8 ? (frame.keyframe ? "K" : "d") : std::to_string(frame.sequence);
  return result;
}

struct IntakeTest : ::testing::Test {
  IntakeTest() { intake.set_feedback(wishes); }

  void push(const std::vector<EncodedFrame>& frames) {
    for (const auto& frame : frames) queue.push(frame);
  }
  /// Begins with the queue open, then takes what there is. (`stopping`: nothing is waited for.)
  std::string begin(const std::vector<EncodedFrame>& frames) {
    intake.put_back(frames.front());  // a file after another: the queue is open already
    queue.open(false);
    push({frames.begin() + 1, frames.end()});
    auto start = intake.begin(stopping);
    if (!start) return start.error().message;
    tracks = start->tracks;
    return letters(start->frames);
  }
  std::string rest() {
    std::vector<EncodedFrame> frames;
    while (auto frame = intake.next(core::TimePoint{})) frames.push_back(std::move(*frame));
    return letters(frames);
  }

  FrameQueue queue{{.frames = 12}};
  OutputIntake intake{queue, {.received = true, .keyframe_deadline = 5s}};
  std::shared_ptr<Wishes> wishes = std::make_shared<Wishes>();
  std::atomic<bool> stopping{true};
  MuxerTracks tracks;
};

TEST_F(IntakeTest, begins_with_a_keyframe_and_all_the_sound_before_it) {
  EXPECT_EQ(begin({sound(1), delta(), sound(2), delta(), key(), sound(3), delta()}), "12K");
  EXPECT_EQ(tracks.audio, Codec::pcmu);
  EXPECT_EQ(tracks.video->codec, Codec::vp8);
  EXPECT_EQ(tracks.video->size, (core::VideoSize{640, 360}));
  EXPECT_EQ(rest(), "3d");
  EXPECT_EQ(wishes->keyframes, 1);
}

TEST_F(IntakeTest, without_pictures_it_is_sound_alone) {
  EXPECT_EQ(begin({sound(1), sound(2), sound(3)}), "123");
  EXPECT_FALSE(tracks.video);
}

TEST_F(IntakeTest, comfort_noise_takes_its_turn_and_is_not_written) {
  EXPECT_EQ(begin({sound(1), noise(2), key(), sound(3)}), "1K");
  EXPECT_EQ(rest(), "3");
}

TEST_F(IntakeTest, broken_pictures_are_left_out_up_to_the_next_keyframe_which_is_asked_for) {
  EXPECT_EQ(begin({sound(1), key()}), "1K");
  const int asked = wishes->keyframes;
  push({delta(), broken(), delta(), sound(2)});
  EXPECT_EQ(rest(), "d2");
  push({key(), delta(), sound(3)});
  EXPECT_EQ(rest(), "Kd3");
  EXPECT_EQ(wishes->keyframes, asked + 1);
}

TEST_F(IntakeTest, another_codec_begins_the_next_file) {
  EXPECT_EQ(begin({sound(1), key(), sound(2, Codec::g722), sound(3, Codec::g722), delta()}), "1K");
  auto next = intake.next(core::TimePoint{});
  ASSERT_TRUE(next);
  EXPECT_FALSE(tracks.has(next->codec));
  intake.put_back(std::move(*next));
  auto second = intake.begin(stopping);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->tracks.audio, Codec::g722);
  EXPECT_EQ(letters(second->frames), "23") << "a picture without its keyframe is of no use to a new file";
}

TEST_F(IntakeTest, another_codec_while_a_file_begins_ends_the_beginning) {
  EXPECT_EQ(begin({sound(1), sound(2, Codec::opus), key()}), "1");
  auto second = intake.begin(stopping);
  ASSERT_TRUE(second);
  EXPECT_EQ(letters(second->frames), "2K");
}

TEST_F(IntakeTest, overflow_is_followed_by_a_keyframe) {
  EXPECT_EQ(begin({sound(1), key()}), "1K");
  for (int i = 0; i < 13; ++i) queue.push(delta());
  queue.push(sound(2));
  EXPECT_EQ(rest(), "2");
  push({delta(), key(), delta()});
  EXPECT_EQ(rest(), "Kd");
  EXPECT_EQ(queue.dropped(), 2U);
}

TEST_F(IntakeTest, a_keyframe_without_a_size_is_left_out_and_begins_no_file) {
  auto shapeless = with_bytes(Codec::vp8, {0x10, 0, 0, 0});
  shapeless.keyframe = true;
  EXPECT_EQ(begin({sound(1), shapeless, sound(2), shapeless, delta()}), "12");
  EXPECT_FALSE(intake.has_carried());
  push({delta(), key(), sound(3)});
  EXPECT_EQ(rest(), "K3") << "nothing can be decoded before";
}

TEST_F(IntakeTest, a_refused_keyframe_takes_those_after_it_along) {
  EXPECT_EQ(begin({sound(1), sound(2)}), "12");
  push({key(), delta(), key()});
  auto picture = intake.next(core::TimePoint{});
  ASSERT_TRUE(picture && picture->keyframe);
  intake.refuse(*picture, true);
  EXPECT_EQ(rest(), "K");
}

TEST_F(IntakeTest, nothing_at_all_is_no_file) {
  EXPECT_FALSE(intake.begin(stopping));
}

TEST(RecordingStart, waits_for_the_other_kind_for_a_while) {
  RecordingStart start(5s);
  EXPECT_FALSE(start.complete(zero + 1h, false)) << "a leg may be silent as long as it likes";
  ASSERT_TRUE(start.add(sound(1), zero));
  EXPECT_FALSE(start.complete(zero + 1999ms, false));
  EXPECT_TRUE(start.complete(zero + 2s, false));
  EXPECT_FALSE(start.complete(zero + 4999ms, true));
  EXPECT_TRUE(start.complete(zero + 5s, true));
  ASSERT_TRUE(start.add(key(), zero + 100ms));
  EXPECT_TRUE(start.complete(zero + 100ms, false));
}

TEST(RecordingStart, time_begins_with_the_earliest_frame) {
  RecordingStart start(5s);
  start.add(sound(7), zero);
  start.add(key(), zero);
  EXPECT_EQ(start.take().zero(), zero);
}

}  // namespace
}  // namespace partyline::gateway
