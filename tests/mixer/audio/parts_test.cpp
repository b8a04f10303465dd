// The small parts of a source, each alone.
#include <random>

#include "mixer/audio/activity.hpp"
#include "mixer/audio/delay_window.hpp"
#include "mixer/audio/frame_box.hpp"
#include "mixer/audio/pitch.hpp"
#include "mixer/audio/playout_queue.hpp"
#include "mixer/audio/repeater.hpp"
#include "tests/mixer/audio/audio_support.hpp"

namespace partyline::mixer::testing {
namespace {

core::EncodedFrame frame_number(int64_t sequence) {
  core::EncodedFrame frame;
  frame.sequence = sequence;
  return frame;
}

std::vector<float> samples_of(const Signal& signal, int64_t count) {
  std::vector<float> pcm;
  for (int64_t i = 0; i < count; ++i) pcm.push_back(signal(i));
  return pcm;
}

TEST(FrameBox, KeepsTheNewestWhenNobodyEmptiesIt) {
  FrameBox box;
  for (int64_t i = 0; i < 100; ++i) EXPECT_EQ(box.push(frame_number(i)), i < 64);
  std::vector<int64_t> seen;
  box.drain([&](core::EncodedFrame&& frame) { seen.push_back(frame.sequence); });
  ASSERT_EQ(seen.size(), 64u);
  EXPECT_EQ(seen.front(), 36);
  EXPECT_EQ(seen.back(), 99);
  box.drain([&](core::EncodedFrame&&) { FAIL(); });
}

TEST(FrameBox, LetsEverythingFallWhileItIsClosed) {
  FrameBox box;
  box.set_open(false);
  EXPECT_TRUE(box.push(frame_number(1)));
  box.drain([&](core::EncodedFrame&&) { FAIL(); });
}

TEST(PlayoutQueue, SortsAroundEveryWrapAndKnowsDuplicates) {
  for (const int64_t base : {int64_t{0}, int64_t{-2}, int64_t{65534}, int64_t{1LL << 32} - 2}) {
    PlayoutQueue queue;
    for (const int64_t offset : {0, 3, 1, 2, 4}) {
      EXPECT_EQ(queue.insert({frame_number(base + offset), 0, 960}), PlayoutQueue::Insert::queued);
    }
    EXPECT_EQ(queue.insert({frame_number(base + 3), 0, 960}), PlayoutQueue::Insert::duplicate);
    for (int64_t offset = 0; offset < 5; ++offset) {
      ASSERT_EQ(queue.front().frame.sequence, base + offset);
      queue.pop();
    }
    EXPECT_TRUE(queue.empty());
  }
}

TEST(PlayoutQueue, DropsItsOldestWhenItIsFullInWhateverOrderFramesCome) {
  PlayoutQueue queue;
  std::vector<int64_t> order(200);
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
  std::mt19937 random(7);
  std::shuffle(order.begin(), order.end(), random);
  for (const int64_t sequence : order) queue.insert({frame_number(sequence), 0, 960});
  EXPECT_EQ(queue.size(), PlayoutQueue::kCapacity);
  for (size_t i = 1; i < queue.size(); ++i) {
    ASSERT_LT(queue.at(i - 1).frame.sequence, queue.at(i).frame.sequence);
  }
}

TEST(DelayWindow, AllowsNothingForPacketsThatComeJustInTime) {
  DelayWindow window;
  EXPECT_FALSE(window.allowed());
  TimePoint tick = kStart;
  for (int i = 0; i < 100; ++i, tick += kTick) window.on_packet(tick, tick - 5ms, 0, 0ms);
  EXPECT_TRUE(window.settled());
  EXPECT_EQ(window.allowed(), 0);
}

TEST(DelayWindow, WantsATickMoreForPacketsThatComeWithinTheMargin) {
  DelayWindow window;
  window.on_packet(kStart, kStart - 500us, 0, 0ms);
  EXPECT_EQ(window.allowed(), -960);
  window.on_shift(960);
  EXPECT_EQ(window.allowed(), 0);
}

// Plays packets that come `late` after they could, 50 a second, and follows what is allowed.
struct Played {
  void run(core::Duration duration, const std::function<core::Duration(int)>& late) {
    for (const TimePoint end = tick + duration; tick < end; tick += kTick, ++number) {
      // The play position starts where a packet is needed in the tick after its arrival.
      const core::Duration transit = late(number);
      const int64_t ticks = (transit + 5ms) / kTick;
      window.on_packet(tick + ticks * kTick, tick - 5ms + transit, (depth - ticks) * 960, transit);
      while (window.allowed() && *window.allowed() < 0) window.on_shift(960), ++depth;
      while (window.settled() && *window.allowed() > 0) window.on_shift(-960), --depth;
    }
  }
  DelayWindow window;
  TimePoint tick = kStart;
  int number = 0;
  int64_t depth = 0;  // ticks
};

TEST(DelayWindow, GrowsAtOnceAndForgetsTwoAndAHalfSecondsAfterTheNetworkHasCalmed) {
  Played played;
  played.run(1s, [](int) { return 0ms; });
  EXPECT_EQ(played.depth, 0);
  played.run(1s, [](int n) { return n % 10 == 0 ? 100ms : 0ms; });
  EXPECT_EQ(played.depth, 5);
  played.run(2s, [](int) { return 0ms; });
  EXPECT_EQ(played.depth, 5);
  played.run(1600ms, [](int) { return 0ms; });
  EXPECT_EQ(played.depth, 0);
}

TEST(DelayWindow, KeepsForTenSecondsWhatARestlessNetworkNeeds) {
  Played played;
  played.run(2s, [](int n) { return n % 10 == 0 ? 100ms : 0ms; });
  played.run(7s, [](int n) { return n % 10 == 0 ? 80ms : 0ms; });
  EXPECT_EQ(played.depth, 5);
  played.run(4s, [](int n) { return n % 10 == 0 ? 80ms : 0ms; });
  EXPECT_EQ(played.depth, 4);
}

TEST(DelayWindow, DoesNotWaitForOnePacketInTwoHundred) {
  Played played;
  played.run(30s, [](int n) { return n % 200 == 199 ? 300ms : 0ms; });
  EXPECT_EQ(played.depth, 0);
  EXPECT_LT(played.window.hold(0ms), 2ms);
}

TEST(DelayWindow, HoldsATalkSpurtsFirstPacketByTheJitterItHasSeen) {
  DelayWindow window;
  EXPECT_EQ(window.hold(0ms), 1ms);
  for (int i = 0; i < 20; ++i) window.on_packet(kStart, kStart - 5ms, 0, i % 2 ? 40ms : 0ms);
  window.restart();
  EXPECT_FALSE(window.allowed());
  EXPECT_EQ(window.hold(0ms), 41ms);
  EXPECT_EQ(window.hold(40ms), 1ms);
  EXPECT_EQ(window.hold(-3600s), 1ms);  // another clock altogether
}

TEST(Pitch, FindsTheFirstPeriodOfATone) {
  const auto pcm = samples_of(sine(200), 2000);
  const Period period = find_period(pcm, 480, kMinPeriod, kMaxPeriod);
  EXPECT_EQ(period.samples % 240, 0u);
  EXPECT_GT(period.likeness, 0.999);
}

TEST(Pitch, TakesOutAndPutsInAPeriodWithoutAStep) {
  auto pcm = samples_of(sine(220), 2880);
  const float clean = largest_step(pcm);
  const size_t period = find_period(pcm, 240, kMinPeriod, kMaxPeriod).samples;
  const size_t shorter = remove_period(pcm, period);
  EXPECT_EQ(shorter, 2880 - period);
  EXPECT_LT(largest_step(std::span<const float>(pcm).first(shorter)), clean * 1.05F);
  const size_t longer = insert_period(pcm, shorter, period);
  EXPECT_EQ(longer, 2880u);
  EXPECT_LT(largest_step(pcm), clean * 1.05F);
}

TEST(Repeater, GoesOnWithATonesOwnPeriodThenFades) {
  Repeater repeater;
  const auto tone = samples_of(sine(440), 1920);
  std::vector<float> heard = tone;
  repeater.on_good(heard);
  std::vector<float> made(6720);
  for (size_t at = 0; at < made.size(); at += 480) repeater.conceal(std::span(made).subspan(at, 480));
  heard.insert(heard.end(), made.begin(), made.end());
  EXPECT_LT(largest_step(heard), largest_step(tone) * 1.5F);
  EXPECT_GT(tone_level(std::span<const float>(made).first(480), 440), 0.2);
  EXPECT_LT(level_dbov(std::span<const float>(made).last(960)), -100);
}

TEST(Activity, GatesANoiseFloorButNeverATone) {
  Activity noisy;
  for (int i = 0; i < 3000; ++i) noisy.update(-58);
  EXPECT_FALSE(noisy.contributes());
  noisy.update(-40);
  EXPECT_TRUE(noisy.contributes());
  EXPECT_FALSE(noisy.speaking());
  Activity tone;
  for (int i = 0; i < 10000; ++i) tone.update(-40);
  EXPECT_TRUE(tone.contributes());
  EXPECT_TRUE(tone.speaking());
}

/// In which state so much of each leaves it: loud and quiet milliseconds in turn.
Speech after(Activity activity, std::initializer_list<int> loud_and_quiet) {
  bool loud = true;
  for (const int ms : loud_and_quiet) {
    for (int i = 0; i < ms / 20; ++i) activity.update(loud ? -30 : -70);
    loud = !loud;
  }
  return activity.speech();
}

TEST(Activity, TellsSpeechFromACough) {
  Activity room;
  for (int i = 0; i < 500; ++i) room.update(-70);
  EXPECT_EQ(after(room, {40}), Speech::none);
  EXPECT_EQ(after(room, {60}), Speech::begun);
  EXPECT_EQ(after(room, {260}), Speech::begun);
  EXPECT_EQ(after(room, {260, 580}), Speech::begun) << "still, but no more of it";
  EXPECT_EQ(after(room, {260, 600}), Speech::none);
  EXPECT_EQ(after(room, {480}), Speech::begun);
  EXPECT_EQ(after(room, {500}), Speech::lasting);
  EXPECT_EQ(after(room, {180, 60, 180, 60, 140}), Speech::lasting) << "words";
  EXPECT_EQ(after(room, {500, 580}), Speech::lasting);
  EXPECT_EQ(after(room, {400, 600, 200}), Speech::begun) << "two coughs";
  EXPECT_EQ(after(room, {60, 400, 60, 400, 60, 400, 60, 400, 60}), Speech::begun) << "a keyboard";
}

}  // namespace
}  // namespace partyline::mixer::testing
