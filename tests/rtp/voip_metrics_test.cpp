// What a peer that asks for VoIP metrics (RFC 3611 §4.7) is told of its voice.
#include <gtest/gtest.h>

#include <string_view>

#include "rtp/jitter/loss_runs.hpp"
#include "rtp/voice_quality.hpp"
#include "tests/rtp/session_world.hpp"

namespace partyline::rtp::test {
namespace {

using core::Duration;

LossRuns::Summary runs_of(std::string_view packets, int times = 1) {
  LossRuns runs;
  for (int i = 0; i < times; ++i) {
    for (const char packet : packets) runs.on_packet(packet == 'x');
  }
  return runs.summary();
}

TEST(LossRuns, nothing_lost_is_one_long_gap) {
  const auto summary = runs_of("..........", 10);
  EXPECT_EQ(summary.lost, 0);
  EXPECT_EQ(summary.gap_packets, 100);
  EXPECT_EQ(summary.burst_packets, 0);
  EXPECT_EQ(runs_of("").lost, 0);
}

TEST(LossRuns, losses_far_from_each_other_belong_to_the_gap) {
  const auto summary = runs_of("...................x", 100);
  EXPECT_NEAR(summary.lost, 0.05, 0.002);
  EXPECT_NEAR(summary.gap_density, 0.05, 0.005);
  EXPECT_LE(summary.burst_density, 0.05);
}

TEST(LossRuns, losses_next_to_each_other_are_a_burst) {
  // 92 received, then eight of which six are lost.
  const auto summary = runs_of(
      "......................"
      "......................"
      "......................"
      ".........................."
      "xx.xx.xx",
      50);
  EXPECT_NEAR(summary.lost, 0.06, 0.003);
  EXPECT_NEAR(summary.burst_density, 0.75, 0.08);
  EXPECT_NEAR(summary.burst_packets, 8, 1.5);
  EXPECT_NEAR(summary.gap_packets, 92, 4);
  EXPECT_LT(summary.gap_density, 0.01);
}

class Arrivals : public testing::TestWithParam<int64_t> {};

TEST_P(Arrivals, that_are_missing_when_sixteen_later_ones_are_here_are_lost) {
  LossRuns runs;
  for (int64_t i = 0; i < 200; ++i) {
    if (i % 20 == 7) continue;  // lost
    if (i % 20 == 3) continue;  // late: after the next one
    runs.on_arrival(GetParam() + i);
    if (i % 20 == 4) runs.on_arrival(GetParam() + i - 1);
  }
  // The last sixteen are not judged yet.
  EXPECT_NEAR(runs.summary().lost, 9.0 / 183, 0.003);
}

TEST_P(Arrivals, after_a_long_outage_tell_of_all_that_was_lost_and_of_nothing_else) {
  LossRuns runs;
  for (int64_t i = 0; i < 1000; ++i) runs.on_arrival(GetParam() + i);
  for (int64_t i = 3000; i < 4016; ++i) runs.on_arrival(GetParam() + i);
  EXPECT_NEAR(runs.summary().lost, 0.5, 0.001);
  EXPECT_NEAR(runs.summary().burst_packets, 2000, 2);
}

TEST_P(Arrivals, that_number_anew_have_lost_nothing) {
  LossRuns runs;
  for (int64_t i = 0; i < 100; ++i) runs.on_arrival(GetParam() + i);
  runs.restart_numbers();
  for (int64_t i = 0; i < 100; ++i) runs.on_arrival(GetParam() + 9000 + i);
  EXPECT_EQ(runs.summary().lost, 0);
}

INSTANTIATE_TEST_SUITE_P(from, Arrivals, testing::Values(0, 32700, 65500, -50));

TEST(VoiceQuality, falls_with_loss_and_delay_within_its_scale) {
  using core::Codec;
  const auto estimate_mos = [](Codec codec, double lost, core::Duration delay) {
    return opinion_score(transmission_rating(codec, lost, delay));
  };
  EXPECT_NEAR(estimate_mos(Codec::pcmu, 0, 0ms), 4.41, 0.02) << "G.711 at its best (G.107: R = 93.2)";
  EXPECT_LT(estimate_mos(Codec::pcmu, 0.05, 50ms), estimate_mos(Codec::pcmu, 0.01, 50ms));
  EXPECT_LT(estimate_mos(Codec::opus, 0, 400ms), estimate_mos(Codec::opus, 0, 100ms) - 0.5);
  EXPECT_GE(estimate_mos(Codec::g722, 1, 5s), 1.0);
  EXPECT_LE(estimate_mos(Codec::opus, 0, 0ms), 4.5);
}

std::optional<rtcp::VoipMetrics> last_metrics(const Side& side) {
  std::optional<rtcp::VoipMetrics> last;
  for (const auto& packet : side.rtcp_sent) {
    for (rtcp::Reader reader(packet); const auto block = reader.next();) {
      const auto report = rtcp::parse_extended_report(*block);
      if (report && report->voip_metrics) last = report->voip_metrics;
    }
  }
  return last;
}

TEST(VoipMetrics, tell_a_peer_that_asks_how_its_voice_arrives) {
  World world({.delay = 40ms, .loss = 0.1});
  TrackConfig asking = audio_track();
  asking.voip_metrics = true;
  world.a.make({audio_track()});
  world.b.make({asking});
  world.b.session->set_playout(60ms, 0);
  Talker talker(world, world.a), back(world, world.b);
  talker.with_video = back.with_video = false;
  world.run(30s, [&] {
    talker();
    back();
  });
  EXPECT_FALSE(last_metrics(world.a));
  const auto metrics = last_metrics(world.b);
  ASSERT_TRUE(metrics);
  EXPECT_NEAR(metrics->lost, 0.1, 0.025);
  EXPECT_NEAR(metrics->burst_density, 0.13, 0.06);  // random loss: a tenth, and bursts begin and end with a lost packet
  EXPECT_GT(metrics->burst_ms, 200);
  EXPECT_NEAR(metrics->round_trip_ms, 80, 5);
  EXPECT_EQ(metrics->end_system_ms, 60 + 20);
  EXPECT_EQ(metrics->buffer_ms, 60);
  EXPECT_NEAR(metrics->rating, transmission_rating(core::Codec::opus, 0.1, 100ms), 6);
  EXPECT_LT(metrics->conversation_score, metrics->listening_score + 0.01);
}

TEST(VoipMetrics, what_came_too_late_to_be_played_is_discarded) {
  World world({.delay = 20ms});
  TrackConfig asking = audio_track();
  asking.voip_metrics = true;
  world.a.make({audio_track()});
  world.b.make({asking});
  Talker talker(world, world.a);
  talker.with_video = false;
  world.run(20s, [&] {
    talker();
    world.b.session->set_playout(60ms, world.b.session->stats().audio.packets_received / 5);  // as its owner tells
  });
  const auto metrics = last_metrics(world.b);
  ASSERT_TRUE(metrics);
  EXPECT_EQ(metrics->lost, 0);
  EXPECT_NEAR(metrics->discarded, 0.2, 0.01);
  EXPECT_LT(metrics->rating, 60) << "discarded is as good as lost";
}

/// A session that is asked for VoIP metrics, and one packet after the other of a source of sound, 20 ms each.
struct Listener {
  Listener() {
    side.now = &now;
    asking.voip_metrics = true;
    side.make({asking});
  }
  void come(uint16_t sequence, uint32_t time, uint32_t ssrc = 0x77, uint8_t type = 111,
            std::vector<uint8_t> payload = std::vector<uint8_t>(40, 1)) {
    std::array<uint8_t, 100> room;
    PacketWriter writer(room, {false, type, {sequence}, {time}, ssrc});
    writer.append(payload);
    side.receive(writer.packet());
  }
  void pass(Duration time) { side.session->tick(now += time); }

  TimePoint now{1000h};
  TrackConfig asking = audio_track();
  Side side;
};

TEST(VoipMetrics, begin_anew_with_each_source) {
  Listener listener;
  for (uint16_t i = 0; i < 500; ++i) {
    if (i % 5 != 0) listener.come(i, i * 960u);
    if (i == 400) listener.side.session->set_playout(60ms, 100);
    listener.pass(20ms);
  }
  auto metrics = last_metrics(listener.side);
  ASSERT_TRUE(metrics);
  EXPECT_NEAR(metrics->lost, 0.2, 0.02);
  EXPECT_GT(metrics->discarded, 0.1);
  listener.pass(1s);
  for (uint16_t i = 0; i < 500; ++i) {
    listener.come(static_cast<uint16_t>(7000 + i), i * 960u, 0x88);
    listener.pass(20ms);
  }
  metrics = last_metrics(listener.side);
  EXPECT_EQ(metrics->ssrc, 0x88u);
  EXPECT_EQ(metrics->lost, 0);
  EXPECT_EQ(metrics->discarded, 0);
}

TEST(VoipMetrics, that_were_not_wanted_for_a_while_tell_nothing_of_that_time) {
  Listener listener;
  for (uint16_t i = 0; i < 3000; ++i) {
    if (i == 500) listener.side.session->reconfigure({audio_track()}, listener.now);
    if (i == 2500) listener.side.session->reconfigure({listener.asking}, listener.now);
    listener.come(i, i * 960u);
    listener.pass(20ms);
  }
  const auto metrics = last_metrics(listener.side);
  ASSERT_TRUE(metrics);
  EXPECT_EQ(metrics->lost, 0);
}

TEST(VoipMetrics, tell_of_an_outage_of_many_seconds) {
  Listener listener;
  for (uint16_t i = 0; i < 3000; ++i) {
    if (i < 1000 || i >= 2000) listener.come(i, i * 960u);
    listener.pass(20ms);
  }
  const auto metrics = last_metrics(listener.side);
  ASSERT_TRUE(metrics);
  EXPECT_NEAR(metrics->lost, 1.0 / 3, 0.02);
}

TEST(VoipMetrics, know_how_long_a_packet_is_whatever_comes_between) {
  Listener listener;
  uint16_t sequence = 0;
  uint32_t time = 0;
  for (int i = 0; i < 200; ++i) {
    listener.come(sequence++, time += 960);
    listener.pass(20ms);
  }
  time += 100 * 48;  // a key is pressed for 100 ms: three packets with its own time
  for (uint16_t i = 1; i <= 3; ++i) {
    listener.come(sequence++, time - 100 * 48, 0x77, 101, {5, static_cast<uint8_t>(i == 3 ? 0x80 : 0), 0x12, 0xC0});
    listener.pass(33ms);
  }
  listener.come(sequence++, time += 960);
  listener.pass(1s);
  EXPECT_EQ(last_metrics(listener.side)->end_system_ms, 20);
  listener.come(sequence++, time += 400 * 48);  // silence: a packet each 400 ms
  listener.pass(1s);
  EXPECT_EQ(last_metrics(listener.side)->end_system_ms, 20);
}

TEST(VoipMetrics, a_sender_that_numbers_anew_has_lost_nothing) {
  TimePoint now{1000h};
  Side side;
  side.now = &now;
  TrackConfig asking = audio_track();
  asking.voip_metrics = true;
  side.make({asking});
  for (uint16_t i = 0; i < 400; ++i, now += 20ms) {
    const auto sequence = static_cast<uint16_t>(i < 200 ? 100 + i : 40000 + i);
    std::array<uint8_t, 100> room;
    PacketWriter writer(room, {false, 111, {sequence}, {i * 960u}, 0x77});
    writer.append(std::vector<uint8_t>(40, 1));
    side.receive(writer.packet());
    side.session->tick(now);
  }
  const auto metrics = last_metrics(side);
  ASSERT_TRUE(metrics);
  EXPECT_EQ(metrics->lost, 0);
}

}  // namespace
}  // namespace partyline::rtp::test
