// The glue with real threads and the real clock: every wait is for a condition, with a generous limit.
#include "mixer/video/video_room.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>

#include "mixer/worker_pool.hpp"
#include "tests/mixer/video/video_test_support.hpp"

namespace partyline::mixer {
namespace {

using namespace test;

class WaitingSink : public core::FrameSink {
 public:
  void push(const core::EncodedFrame& frame) override {
    const std::lock_guard lock(mutex_);
    frames_.push_back(frame);
    changed_.notify_all();
  }
  bool wait_for(const std::function<bool(const std::vector<core::EncodedFrame>&)>& enough) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, [&] { return enough(frames_); });
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

class CountingFeedback : public core::MediaFeedback {
 public:
  void request_keyframe() override { ++requests; }
  void set_target_bitrate(core::Bitrate) override {}
  std::atomic<int> requests{0};
};

struct VideoRoomTest : testing::Test {
  WorkerPool pool{2};
  RoomConfig config{.name = "demo", .canvas = {320, 180}, .frames_per_second = 60};
  std::shared_ptr<VideoRoom> room = VideoRoom::create(pool, config, {});
  VideoRendition rendition{core::Codec::h264, {320, 180}, 60, core::Bitrate::kbps(500), 0};
  void TearDown() override {
    room->stop();
    pool.join();
  }
};

TEST_F(VideoRoomTest, an_output_of_an_empty_room_gets_a_keyframe_first_and_then_a_steady_stream) {
  auto sink = std::make_shared<WaitingSink>();
  ASSERT_TRUE(room->add_output(1, rendition, sink));
  ASSERT_TRUE(sink->wait_for([](const auto& frames) { return frames.size() >= 10; }));
  const auto frames = sink->frames();
  EXPECT_TRUE(frames.front().keyframe);
  EXPECT_EQ(frames.front().rtp_time, 0);
  for (size_t i = 1; i < frames.size(); ++i) {
    EXPECT_GT(frames[i].rtp_time, frames[i - 1].rtp_time);
    EXPECT_EQ(frames[i].rtp_time % 1500, 0) << "ticks lie on the schedule";
  }
}

TEST_F(VideoRoomTest, a_members_picture_reaches_the_output) {
  auto sink = std::make_shared<WaitingSink>();
  auto feedback = std::make_shared<CountingFeedback>();
  room->add_tile(7, "Anna", true);
  room->set_feedback(7, feedback);
  ASSERT_TRUE(room->add_output(1, rendition, sink));
  ASSERT_TRUE(sink->wait_for([](const auto& frames) { return frames.size() >= 2; }));
  EXPECT_GE(feedback->requests.load(), 1) << "a decoder without a keyframe asks for one at once";
  Camera camera({320, 180});
  for (int i = 0; i < 5; ++i) {
    room->push(7, camera.take(solid({320, 180}, kRed).view(), i == 0, core::Clock::now()));
  }
  ASSERT_TRUE(sink->wait_for([](const auto& frames) {
    const auto last = decode_last(frames);
    return last && near(pixel(last->view, 160, 90), kRed);
  }));
  EXPECT_EQ(room->stats().members.at(7).size, (core::VideoSize{320, 180}));
}

TEST_F(VideoRoomTest, a_removed_output_is_not_called_again) {
  auto sink = std::make_shared<WaitingSink>();
  ASSERT_TRUE(room->add_output(1, rendition, sink));
  ASSERT_TRUE(sink->wait_for([](const auto& frames) { return !frames.empty(); }));
  room->remove_output(1);
  const size_t count = sink->frames().size();
  auto other = std::make_shared<WaitingSink>();
  ASSERT_TRUE(room->add_output(2, rendition, other));
  ASSERT_TRUE(other->wait_for([](const auto& frames) { return frames.size() >= 5; }));
  EXPECT_EQ(sink->frames().size(), count);
}

TEST_F(VideoRoomTest, a_sink_may_remove_itself_while_it_is_called) {
  struct Leaver : core::FrameSink {
    VideoRoom* room = nullptr;
    std::atomic<int> calls{0};
    void push(const core::EncodedFrame&) override {
      ++calls;
      room->remove_output(1);
    }
  };
  auto leaver = std::make_shared<Leaver>();
  leaver->room = room.get();
  auto other = std::make_shared<WaitingSink>();
  ASSERT_TRUE(room->add_output(1, rendition, leaver));
  ASSERT_TRUE(room->add_output(2, rendition, other));
  ASSERT_TRUE(other->wait_for([](const auto& frames) { return frames.size() >= 5; }));
  EXPECT_EQ(leaver->calls.load(), 1);
}

TEST_F(VideoRoomTest, renditions_and_layouts_that_cannot_be_are_refused_in_words) {
  auto sink = std::make_shared<WaitingSink>();
  VideoRendition odd = rendition;
  odd.size = {321, 180};
  EXPECT_EQ(room->add_output(1, odd, sink).error().code, core::ErrorCode::invalid);
  VideoRendition audio = rendition;
  audio.codec = core::Codec::opus;
  EXPECT_EQ(room->add_output(1, audio, sink).error().code, core::ErrorCode::unsupported);
  EXPECT_EQ(room->set_layout("circle").error().code, core::ErrorCode::invalid);
  ASSERT_TRUE(room->add_output(1, rendition, sink));
  EXPECT_EQ(room->add_output(1, rendition, sink).error().code, core::ErrorCode::conflict);
}

TEST_F(VideoRoomTest, a_stopped_room_takes_no_output_and_calls_no_sink) {
  auto sink = std::make_shared<WaitingSink>();
  ASSERT_TRUE(room->add_output(1, rendition, sink));
  ASSERT_TRUE(sink->wait_for([](const auto& frames) { return !frames.empty(); }));
  room->stop();
  const size_t count = sink->frames().size();
  EXPECT_EQ(room->add_output(2, rendition, sink).error().code, core::ErrorCode::cancelled);
  pool.join();
  EXPECT_EQ(sink->frames().size(), count);
}

}  // namespace
}  // namespace partyline::mixer
