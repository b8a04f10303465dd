// The tick must not allocate once everybody is there, and never free: this program's operators count, thread by thread.
#include <cstdlib>
#include <new>

#include "tests/mixer/audio/audio_support.hpp"

namespace {
thread_local uint64_t allocations = 0, frees = 0;
}

// NOLINTBEGIN(misc-new-delete-overloads): the array forms end up here.
[[gnu::noinline]] void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
// A sanitizer's own nothrow form would not end up there.
[[gnu::noinline]] void* operator new(size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  ++frees;
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept {
  ++frees;
  std::free(memory);
}
// NOLINTEND(misc-new-delete-overloads)

namespace partyline::mixer::testing {
namespace {

/// Keeps nothing, as a network's mailbox would.
class Deaf final : public core::FrameSink {
 public:
  void push(const core::EncodedFrame& frame) override { bytes += frame.data.size(); }
  size_t bytes = 0;
};

TEST(AudioRoom, AllocatesNothingWhileTalkersComeAndGoAndPacketsAreLost) {
  AudioRoom room(core::Bitrate::kbps(64));
  std::vector<Phone> phones(4);
  std::vector<std::shared_ptr<Deaf>> ears;
  const std::array<Codec, 4> codecs{Codec::opus, Codec::pcmu, Codec::g722, Codec::opus};
  for (size_t i = 0; i < phones.size(); ++i) {
    phones[i].join(room, i + 1, std::make_unique<Talker>(codecs[i], sine(300 + 100.0 * static_cast<double>(i))),
                   std::nullopt);
    ears.push_back(std::make_shared<Deaf>());
    AudioFormat format;
    format.codec = codecs[i];
    ASSERT_TRUE(room.add_output(i + 1, i + 1, format, ears.back()));
  }
  TimePoint now = kStart;
  uint64_t in_ticks = 0;
  for (int tick = 0; tick < 1000; ++tick) {
    for (size_t i = 0; i < phones.size(); ++i) {
      // Everybody is silent for six of every ten seconds, one after the other.
      phones[i].talker->set_signal((tick / 100 + static_cast<int>(i)) % 10 < 4 ? sine(400) : silence());
      core::EncodedFrame frame = phones[i].talker->next(now - 15ms, now + 5ms);
      if ((tick + static_cast<int>(i)) % 17 != 0) phones[i].source->push(frame);
    }
    now += kTick;
    const uint64_t before = allocations;
    room.tick(now);
    if (tick >= 50) in_ticks += allocations - before;
  }
  EXPECT_EQ(in_ticks, 0u);
  for (const auto& ear : ears) EXPECT_GT(ear->bytes, 10000u);
}

// A lock of the allocator, held by a thread that a busy machine does not let run, would stop the tick.
TEST(AudioRoom, LeavesTheDestructionOfWhoLeavesToOtherThreads) {
  AudioRoom room(core::Bitrate::kbps(64));
  std::vector<Phone> phones(6);
  std::vector<std::shared_ptr<Deaf>> ears;
  for (size_t i = 0; i < phones.size(); ++i) {
    phones[i].join(room, i + 1, std::make_unique<Talker>(Codec::opus, sine(400)), std::nullopt);
    ears.push_back(std::make_shared<Deaf>());
    ASSERT_TRUE(room.add_output(i + 1, i + 1, AudioFormat{}, ears.back()));
  }
  TimePoint now = kStart;
  for (size_t leaver = 0; leaver < phones.size(); ++leaver) {
    for (int tick = 0; tick < 20; ++tick) {
      for (size_t i = leaver; i < phones.size(); ++i) phones[i].send(now);
      now += kTick;
      const uint64_t before = frees;
      room.tick(now);
      if (tick > 0 || leaver > 0) {
        EXPECT_EQ(frees - before, 0u) << "member " << leaver << " tick " << tick;
      }
    }
    phones[leaver].source.reset();
    room.remove_outputs_of(leaver + 1);
    room.remove_source(leaver + 1);
  }
}

}  // namespace
}  // namespace partyline::mixer::testing
