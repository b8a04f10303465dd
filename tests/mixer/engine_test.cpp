// The engine's threads with real time, as little of it as possible: everything else is tested in virtual time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <vector>

#include "mixer/audio/audio_thread.hpp"
#include "mixer/audio/pcm.hpp"
#include "mixer/room_mixer.hpp"

namespace partyline::mixer {
namespace {

using namespace std::chrono_literals;

class Waiting final : public core::FrameSink {
 public:
  void push(const core::EncodedFrame& frame) override {
    const std::lock_guard lock(mutex_);
    frames_.push_back(frame);
    changed_.notify_all();
  }
  bool wait_for(size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 10s, [&] { return frames_.size() >= count; });
  }
  std::vector<core::EncodedFrame> frames() {
    const std::lock_guard lock(mutex_);
    return frames_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<core::EncodedFrame> frames_;
};

TEST(Engine, SendsAudioEveryTwentyMillisecondsToWhomItMayConcern) {
  Engine engine({});
  RoomConfig config;
  config.name = "demo";
  const auto room = engine.create_room(config);
  const auto member = room->add_member({"Ada", true});
  const auto ear = std::make_shared<Waiting>();
  const auto output = member->add_audio_output({}, ear);
  ASSERT_TRUE(output);
  ASSERT_TRUE(ear->wait_for(5));
  const auto frames = ear->frames();
  for (size_t i = 1; i < 5; ++i) {
    EXPECT_EQ(frames[i].rtp_time - frames[i - 1].rtp_time, 960);
    EXPECT_EQ(frames[i].capture - frames[i - 1].capture, 20ms);
  }
  const RoomStats stats = room->stats();
  EXPECT_TRUE(stats.mixing);
  EXPECT_EQ(stats.members, 1);
  EXPECT_EQ(stats.audio_outputs, 1);
  EXPECT_GE(stats.audio_ticks, 5u);
  member->remove_output(*output);
  const size_t count = ear->frames().size();
  EXPECT_FALSE(room->stats().mixing);
  EXPECT_EQ(ear->frames().size(), count);
}

TEST(Engine, CarriesASourcesAudioToTheRoomsOutput) {
  Engine engine({});
  const auto room = engine.create_room({});
  const auto member = room->add_member({"Ada", false});
  const auto ear = std::make_shared<Waiting>();
  ASSERT_TRUE(room->add_audio_output({core::Codec::pcmu, 1, 20, {}}, ear));
  core::EncodedFrame frame;
  frame.codec = core::Codec::pcmu;
  frame.buffer = core::Buffer::copy_of(std::vector<uint8_t>(160, 0x10));
  frame.data = frame.buffer.span();
  for (int i = 0; i < 10; ++i) {
    frame.sequence = i;
    frame.rtp_time = 160 * i;
    frame.capture = frame.arrival = core::Clock::now();
    member->audio_input().push(frame);
    ASSERT_TRUE(ear->wait_for(static_cast<size_t>(i) + 1));
  }
  ASSERT_TRUE(ear->wait_for(13));
  bool heard = false;
  for (const auto& sent : ear->frames()) heard = heard || sent.data[80] != 0xff;
  EXPECT_TRUE(heard);
  EXPECT_GE(member->stats().audio_frames, 9u);
}

TEST(Engine, OutlivesRoomsAndMembersInAnyOrder) {
  Engine engine({});
  auto room = engine.create_room({});
  auto member = room->add_member({"Ada", true});
  const auto ear = std::make_shared<Waiting>();
  ASSERT_TRUE(member->add_audio_output({}, ear));
  ASSERT_TRUE(room->add_audio_output({core::Codec::aac, 2, 0, {}}, ear));
  ASSERT_TRUE(ear->wait_for(3));
  room.reset();
  EXPECT_EQ(ear.use_count(), 1);
  member->audio_input().push({});
  member.reset();
}

TEST(TickSchedule, CatchesUpLateTicksAndCountsThem) {
  const core::TimePoint start(100s);
  TickSchedule schedule(start);
  EXPECT_EQ(schedule.take(start + 1ms), start);
  EXPECT_EQ(schedule.late(), 0u);
  EXPECT_EQ(schedule.take(start + 75ms), start + 20ms);
  EXPECT_EQ(schedule.take(start + 75ms), start + 40ms);
  EXPECT_EQ(schedule.take(start + 75ms), start + 60ms);
  EXPECT_EQ(schedule.late(), 3u);
  EXPECT_EQ(schedule.next(), start + 80ms);
}

TEST(TickSchedule, SkipsWhatWasSleptThrough) {
  const core::TimePoint start(100s);
  TickSchedule schedule(start);
  EXPECT_EQ(schedule.take(start + 10s + 3ms), start + 10s);
  EXPECT_EQ(schedule.skipped(), 500u);
}

}  // namespace
}  // namespace partyline::mixer
