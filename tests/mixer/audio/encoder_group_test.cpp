// Whose encoder what goes through when somebody begins to talk, falls silent, comes.
#include "mixer/audio/encoder_group.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/mixer/audio/audio_support.hpp"

namespace partyline::mixer::testing {
namespace {

constexpr AudioFormat kLongPackets{Codec::pcmu, 1, 60, {}, 0};

/// One loudness for those who share, another one for who talks.
struct Loudness final : MixView {
  std::array<float, kTickSamples> shared{}, own{};
  bool talks = false;
  MixSpan full(size_t band) const override { return {std::span(shared).first(tick_samples(band)), {}}; }
  MixSpan without(uint64_t, size_t band) override {
    if (!talks) return {};
    return {std::span(own).first(tick_samples(band)), {}};
  }
};

struct Group {
  EncoderGroup group{kLongPackets, std::move(*EncoderStream::create(kLongPackets))};
  Loudness mix;
  TickTime time{kStart, 0};

  std::shared_ptr<Listener> add(OutputId id, std::optional<uint64_t> member) {
    auto ear = std::make_shared<Listener>();
    EncoderGroup::Belongings with;
    with.listeners.reserve(8);
    with.spares.reserve(8);
    if (member) with.own = std::move(*EncoderStream::create(kLongPackets));
    group.add({id, member, std::make_shared<AudioOutputGate>(ear)}, with);
    return ear;
  }
  void run(int ticks) {
    for (int i = 0; i < ticks; ++i, ++time.index, time.now += kTick) group.tick(time, mix);
  }
};

float loudest(const std::vector<float>& pcm) {
  float most = 0;
  for (const float sample : pcm) most = std::max(most, std::fabs(sample));
  return most;
}

TEST(EncoderGroup, WhoComesLaterHearsNothingOfWhatWasLeftOverWhenTheSharedEncoderFellAsleep) {
  Group call;
  const auto talker = call.add(1, 7);
  call.mix.shared.fill(0.5F);
  call.run(4);  // a packet and a third of the next
  call.mix.talks = true;
  call.run(300);
  call.mix.shared.fill(0);
  const auto viewer = call.add(2, std::nullopt);
  call.run(9);
  ASSERT_EQ(viewer->frames.size(), 3u);
  EXPECT_LT(loudest(viewer->pcm), 0.01F);
}

}  // namespace
}  // namespace partyline::mixer::testing
