// The tick takes no memory and frees none, whoever comes and goes.
#include "tests/mixer/audio/audio_support.hpp"
#include "tests/support/allocations.hpp"

namespace partyline::mixer::testing {
namespace {

/// Keeps nothing, as a network's mailbox would.
class Deaf final : public core::FrameSink {
 public:
  void push(const core::EncodedFrame& frame) override { bytes += frame.data.size(); }
  size_t bytes = 0;
};

/// The pool of buffers has what a few packets need.
void warm_the_pool() {
  std::vector<core::Buffer> some;
  for (int i = 0; i < 200; ++i) some.push_back(core::Buffer::allocate(kMaxEncodedAudio));
}

TEST(AudioRoom, AllocatesNothingWhileTalkersComeAndGoAndPacketsAreLost) {
  warm_the_pool();
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
    const uint64_t before = test::allocations();
    room.tick(now);
    in_ticks += test::allocations() - before;
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
      const uint64_t before = test::frees();
      room.tick(now);
      EXPECT_EQ(test::frees() - before, 0u) << "member " << leaver << " tick " << tick;
    }
    phones[leaver].source.reset();
    room.remove_output(leaver + 1);
    room.remove_source(leaver + 1);
  }
}

TEST(AudioRoom, TakesNoMemoryInTheTickWhoeverComesAndWhateverTheySpeakAndHear) {
  warm_the_pool();
  AudioRoom room(core::Bitrate::kbps(64));
  constexpr std::array kSpoken{Codec::opus, Codec::pcmu, Codec::g722, Codec::pcma};
  const std::vector<AudioFormat> heard{{Codec::pcmu, 1, 20, {}, 0}, {Codec::opus, 1, 20, {}, 0},
                                       {Codec::pcma, 1, 20, {}, 0}, {Codec::g722, 1, 20, {}, 0},
                                       {Codec::opus, 1, 20, {}, 5}, {Codec::opus, 2, 20, {}, 0},
                                       {Codec::pcmu, 1, 40, {}, 0}, {Codec::pcma, 1, 30, {}, 0},
                                       {Codec::g722, 1, 40, {}, 0}, {Codec::opus, 1, 40, {}, 0}};
  std::vector<Phone> phones;
  const auto ear = std::make_shared<Deaf>();
  TimePoint now = kStart;
  const auto run_some = [&](const char* what) {
    uint64_t taken = 0, freed = 0;
    for (int tick = 0; tick < 20; ++tick) {
      for (Phone& phone : phones) phone.send(now);
      now += kTick;
      const uint64_t taken_before = test::allocations(), freed_before = test::frees();
      room.tick(now);
      taken += test::allocations() - taken_before;
      freed += test::frees() - freed_before;
    }
    EXPECT_EQ(taken, 0u) << what << ", " << phones.size() << " members";
    EXPECT_EQ(freed, 0u) << what << ", " << phones.size() << " members";
  };
  for (uint64_t id = 1; id <= 20; ++id) {
    Phone& phone = phones.emplace_back();
    phone.join(room, id, std::make_unique<Talker>(kSpoken[id % kSpoken.size()], sine(200 + 20.0 * id)), std::nullopt);
    ASSERT_TRUE(room.add_output(id, id, heard[id % heard.size()], ear));
    run_some("somebody came");
  }
  for (size_t i = 0; i < phones.size(); ++i) {
    Phone& phone = phones[i];
    phone.talker =
        std::make_unique<Talker>(kSpoken[(i + 2) % kSpoken.size()], sine(300), 20, 0, phone.talker->take_sequence());
    if (i % 3 == 0) phone.source->set_processing({true, true, true});
  }
  run_some("everybody changed his codec");
  for (Phone& phone : phones) phone.talker->set_signal(silence());
  for (int i = 0; i < 8; ++i) run_some("everybody fell silent");
  for (Phone& phone : phones) phone.talker->set_signal(sine(300));
  run_some("everybody talked again");
  for (uint64_t id = 101; id <= 120; ++id) {
    ASSERT_TRUE(room.add_output(id, std::nullopt, heard[1], ear));
    run_some("a listener came");
  }
  while (!phones.empty()) {
    const uint64_t id = phones.back().member;
    phones.pop_back();
    room.remove_output(id);
    room.remove_source(id);
    run_some("somebody left");
  }
  EXPECT_GT(ear->bytes, 100000u);
}

}  // namespace
}  // namespace partyline::mixer::testing
