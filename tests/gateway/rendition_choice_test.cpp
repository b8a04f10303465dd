// Which rendition a receiver gets, in virtual time.
#include "gateway/rendition_choice.hpp"

#include <gtest/gtest.h>

#include <random>

namespace partyline::gateway {
namespace {

using namespace std::chrono_literals;
using core::Bitrate;

const std::vector<Bitrate> kSteps{Bitrate::kbps(2000), Bitrate::kbps(800), Bitrate::kbps(300)};

/// Ten estimates a second of `kbps`; returns the last decision.
struct Receiver {
  RenditionChoice choice{kSteps};
  core::TimePoint now{1000h};
  int changes = 0;
  RenditionChoice::Decision see(int64_t kbps, core::Duration duration) {
    RenditionChoice::Decision decision;
    for (const auto end = now + duration; now < end; now += 100ms) {
      const size_t before = choice.step();
      decision = choice.update(Bitrate::kbps(kbps), now);
      changes += choice.step() != before;
    }
    return decision;
  }
};

TEST(RenditionChoice, starts_with_the_best_and_stays_there_while_nothing_is_known) {
  RenditionChoice choice(kSteps);
  const auto decision = choice.update(std::nullopt, core::TimePoint(1000h));
  EXPECT_EQ(decision.step, 0u);
  EXPECT_EQ(decision.target, kSteps[0]);
}

TEST(RenditionChoice, a_little_too_slow_a_way_lowers_the_bitrate_not_the_size) {
  Receiver receiver;
  const auto decision = receiver.see(1400, 30s);
  EXPECT_EQ(decision.step, 0u);
  EXPECT_EQ(decision.target, Bitrate::kbps(1330));
}

TEST(RenditionChoice, below_half_it_goes_down_to_the_first_that_fits) {
  struct Row {
    int64_t kbps;
    size_t step;
  };
  for (const Row row : {Row{2500, 0}, {1100, 0}, {900, 1}, {620, 1}, {400, 2}, {100, 2}}) {
    Receiver receiver;
    EXPECT_EQ(receiver.see(row.kbps, 3s).step, row.step) << row.kbps;
    EXPECT_LE(receiver.changes, 1) << row.kbps;
  }
}

TEST(RenditionChoice, a_short_dip_changes_nothing_and_a_deep_one_acts_at_once) {
  Receiver receiver;
  receiver.see(3000, 5s);
  receiver.see(900, 700ms);
  EXPECT_EQ(receiver.see(3000, 5s).step, 0u);
  EXPECT_EQ(receiver.changes, 0);
  EXPECT_EQ(receiver.see(350, 100ms).step, 2u);
}

TEST(RenditionChoice, it_climbs_step_by_step_after_five_seconds_of_enough) {
  Receiver receiver;
  receiver.see(300, 2s);
  ASSERT_EQ(receiver.choice.step(), 2u);
  EXPECT_EQ(receiver.see(3000, 4800ms).step, 2u);
  EXPECT_EQ(receiver.see(3000, 400ms).step, 1u);
  EXPECT_EQ(receiver.see(3000, 4500ms).step, 1u);
  EXPECT_EQ(receiver.see(3000, 1s).step, 0u);
}

TEST(RenditionChoice, who_is_told_no_more_than_half_again_of_what_it_is_sent_climbs_too) {
  Receiver receiver;
  receiver.see(300, 2s);
  ASSERT_EQ(receiver.choice.step(), 2u);
  EXPECT_EQ(receiver.see(450, 19s).step, 2u);
  EXPECT_EQ(receiver.see(450, 2s).step, 1u);
}

TEST(RenditionChoice, a_climb_that_fails_waits_longer_each_time) {
  Receiver receiver;
  receiver.see(300, 2s);
  std::vector<double> waits;
  for (int i = 0; i < 6; ++i) {
    const auto began = receiver.now;
    for (int bound = 0; bound < 2000 && receiver.choice.step() == 2; ++bound) receiver.see(800, 100ms);
    waits.push_back(std::chrono::duration<double>(receiver.now - began).count());
    receiver.see(150, 1s);  // the way does not carry it after all
    ASSERT_EQ(receiver.choice.step(), 2u);
  }
  for (size_t i = 1; i < waits.size(); ++i) EXPECT_GE(waits[i], waits[i - 1] * 0.99) << i;
  EXPECT_GT(waits.back(), 50);
  EXPECT_LT(waits.back(), 62);
}

TEST(RenditionChoice, an_estimate_that_wavers_around_any_threshold_does_not_flap) {
  for (const int64_t around : {300, 400, 600, 800, 900, 1050, 1700, 1800, 2100}) {
    Receiver receiver;
    std::mt19937 random(static_cast<uint32_t>(around));
    for (int i = 0; i < 3000; ++i) {
      receiver.see(around * std::uniform_int_distribution<int64_t>(85, 115)(random) / 100, 100ms);
    }
    EXPECT_LE(receiver.changes, 8) << around << " kbit/s for five minutes";
  }
}

TEST(RenditionSteps, a_room_of_720p_has_three_that_all_receivers_share) {
  const mixer::VideoRendition room;
  const auto steps = rendition_steps(room, room);
  ASSERT_EQ(steps.size(), 3u);
  EXPECT_EQ(steps[0], room);
  EXPECT_EQ(steps[1].size, (core::VideoSize{640, 360}));
  EXPECT_EQ(steps[2].size, (core::VideoSize{416, 234}));
  EXPECT_EQ(steps[2].frames_per_second, 15);
  mixer::VideoRendition phone = room;  // decodes less, shares the smaller ones
  phone.size = {852, 480};
  phone.bitrate = Bitrate::kbps(1250);
  const auto phones = rendition_steps(phone, room);
  ASSERT_EQ(phones.size(), 3u);
  EXPECT_EQ(phones[1], steps[1]);
  EXPECT_EQ(phones[2], steps[2]);
}

TEST(RenditionSteps, none_is_larger_than_what_the_phone_decodes) {
  const mixer::VideoRendition room;
  mixer::VideoRendition phone = room;
  phone.size = {320, 180};
  phone.bitrate = Bitrate::kbps(500);
  const auto steps = rendition_steps(phone, room);
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[1].size, phone.size);
  EXPECT_EQ(steps[1].frames_per_second, 15);
  EXPECT_LT(steps[1].bitrate, phone.bitrate);
}

}  // namespace
}  // namespace partyline::gateway
