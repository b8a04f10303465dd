#include "rtp/jitter/silence_watch.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;
using Request = SilenceWatch::Request;

struct Silence : testing::Test {
  /// Pictures `apart` for so long; then silence. The times of requests in the next ten seconds, ms since the last
  /// packet.
  std::vector<int64_t> asked(core::Duration apart, core::Duration duration) {
    for (const auto end = now + duration; now < end; now += apart) watch.on_video(heard = now);
    std::vector<int64_t> result;
    for (now = heard; now < heard + 10s; now += 10ms) {
      const Request request = watch.take(heard, now);
      if (request == Request::none) continue;
      EXPECT_EQ(request == Request::first, result.empty());
      result.push_back((now - heard) / 1ms);
    }
    return result;
  }
  SilenceWatch watch;
  core::TimePoint now{1000h}, heard{};
};

TEST_F(Silence, of_a_regular_stream_is_asked_in_from_half_a_second_to_three) {
  const auto times = asked(33ms, 2s);
  ASSERT_EQ(times.size(), 51u);
  for (size_t i = 0; i < times.size(); ++i) EXPECT_EQ(times[i], 500 + 50 * static_cast<int64_t>(i));
}

TEST_F(Silence, begins_anew_with_each_that_follows_a_second_of_pictures) {
  EXPECT_FALSE(asked(33ms, 2s).empty());
  EXPECT_TRUE(asked(33ms, 800ms).empty()) << "not regular yet";
  EXPECT_FALSE(asked(100ms, 2s).empty());
}

TEST_F(Silence, of_who_shows_a_picture_now_and_then_means_nothing) {
  EXPECT_TRUE(asked(200ms, 5s).empty());
}

TEST_F(Silence, of_the_camera_alone_means_that_it_was_switched_off) {
  for (const auto end = now + 2s; now < end; now += 33ms) watch.on_video(heard = now);
  for (const auto end = now + 5s; now < end; now += 10ms) {
    if ((now - core::TimePoint{}) / 10ms % 2 == 0) heard = now;  // sound goes on
    EXPECT_EQ(watch.take(heard, now), Request::none);
  }
  for (const auto end = now + 5s; now < end; now += 10ms) {
    EXPECT_EQ(watch.take(heard, now), Request::none) << "and later nothing at all comes";
  }
}

}  // namespace
}  // namespace partyline::rtp
