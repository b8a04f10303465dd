// Congestion control end to end: whole sessions with a model of an encoder through a bottleneck, in virtual time.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "rtp/bandwidth_estimator.hpp"
#include "tests/rtp/bandwidth_world.hpp"

namespace partyline::rtp::test {
namespace {

using core::Bitrate;

/// PARTYLINE_TRACE=1 prints a line each half second: for looking at a run, not for judging it.
void run_traced(BandwidthWorld& world, core::Duration duration) {
  if (!std::getenv("PARTYLINE_TRACE")) return world.run(duration);
  for (const TimePoint end = world.now + duration; world.now < end;) {
    std::vector<uint64_t> before;
    for (const auto& flow : world.flows) before.push_back(flow->bytes);
    world.run(500ms);
    std::printf("%7.1f", std::chrono::duration<double>(world.now - TimePoint(1000h)).count());
    for (size_t i = 0; i < world.flows.size(); ++i) {
      const auto stats = world.flows[i]->sender.session->stats();
      std::printf("  %5.0fk target %5lldk queue %4.0f pad %llu",
                  static_cast<double>(world.flows[i]->bytes - before[i]) * 16 / 1000,
                  static_cast<long long>(stats.available_out.bits_per_second / 1000), stats.queueing_ms,
                  static_cast<unsigned long long>(stats.video.padding_sent));
    }
    std::printf("  lost %llu\n", static_cast<unsigned long long>(world.bottleneck.lost));
  }
}

/// After 15 s at the first rate again nearly all of it is used, and little was lost on the whole way.
void expect_rise(BandwidthWorld& world) {
  world.bottleneck.settings.rate = Bitrate::kbps(2500);
  run_traced(world, 15s);
  world.take_rate(0);
  run_traced(world, 5s);
  EXPECT_GT(world.take_rate(0), 0.85 * 2.5e6);
  EXPECT_LT(world.loss(), 0.01);
}

class Step : public testing::TestWithParam<uint32_t> {};

TEST_P(Step, follows_the_path_down_and_up_again) {
  BandwidthWorld world({.delay = 25ms, .rate = Bitrate::kbps(2500)}, GetParam());
  world.add_flow(Bitrate::kbps(3000));
  run_traced(world, 20s);
  world.take_rate(0);
  run_traced(world, 5s);
  EXPECT_GT(world.take_rate(0), 0.8 * 2.5e6);
  world.bottleneck.settings.rate = Bitrate::kbps(500);
  run_traced(world, 2s);
  EXPECT_LT(world.flows[0]->sender.session->stats().available_out, Bitrate::kbps(500));
  run_traced(world, 1s);
  world.take_mean_queue_ms();
  run_traced(world, 500ms);
  EXPECT_LT(world.take_mean_queue_ms(), 100);
  run_traced(world, 6500ms);
  world.take_rate(0);
  world.take_mean_queue_ms();
  run_traced(world, 10s);
  EXPECT_GT(world.take_rate(0), 0.7 * 5e5);
  EXPECT_LT(world.take_mean_queue_ms(), 100);
  expect_rise(world);
}

INSTANTIATE_TEST_SUITE_P(seeds, Step, testing::Range(1u, 13u));

class RembStep : public testing::TestWithParam<uint32_t> {};

TEST_P(RembStep, follows_the_path_down_and_up_again_by_what_the_receiver_allows) {
  BandwidthWorld world({.delay = 25ms, .rate = Bitrate::kbps(2500)}, GetParam());
  Flow& flow = world.add_flow(Bitrate::kbps(3000), [](TrackConfig& track) {
    track.transport_cc_extension = 0;
    track.receive_formats[0].remb = true;
  });
  run_traced(world, 30s);
  world.bottleneck.settings.rate = Bitrate::kbps(500);
  run_traced(world, 2s);
  EXPECT_LT(flow.sender.session->stats().available_out, Bitrate::kbps(500));
  run_traced(world, 1s);
  world.take_most_queue_ms();
  run_traced(world, 500ms);
  EXPECT_LT(world.take_most_queue_ms(), 100);
  run_traced(world, 5s);
  world.take_rate(0);
  run_traced(world, 20s);
  EXPECT_GT(world.take_rate(0), 0.7 * 5e5);
  expect_rise(world);
}

INSTANTIATE_TEST_SUITE_P(seeds, RembStep, testing::Range(1u, 13u));

class Share : public testing::TestWithParam<std::tuple<uint32_t, int>> {};

TEST_P(Share, two_flows_through_one_bottleneck_get_at_most_twice_as_much_as_the_other) {
  const auto [seed, seconds_apart] = GetParam();
  BandwidthWorld world({.delay = 25ms, .rate = Bitrate::kbps(2000)}, seed);
  world.add_flow(Bitrate::kbps(3000));
  if (seconds_apart > 0) run_traced(world, std::chrono::seconds(seconds_apart));
  world.add_flow(Bitrate::kbps(3000));
  run_traced(world, 60s);
  world.take_rate(0);
  world.take_rate(1);
  run_traced(world, 60s);
  const double first = world.take_rate(0), second = world.take_rate(1);
  EXPECT_LT(std::max(first, second), 2 * std::min(first, second)) << first << " and " << second;
  EXPECT_GT(first + second, 0.7 * 2e6);
  EXPECT_LT(world.loss(), 0.01);
}

INSTANTIATE_TEST_SUITE_P(seeds, Share, testing::Combine(testing::Range(1u, 7u), testing::Values(0, 20)));

TEST(Bandwidth, what_the_path_loses_by_itself_does_not_starve_the_picture) {
  for (const double loss : {0.05, 0.12}) {
    BandwidthWorld world({.delay = 25ms, .loss = loss, .rate = Bitrate::kbps(3000)}, 3);
    world.add_flow(Bitrate::kbps(2000));
    run_traced(world, 40s);
    world.take_rate(0);
    run_traced(world, 20s);
    EXPECT_GT(world.take_rate(0), 1e6) << loss;
  }
}

TEST(Bandwidth, jitter_alone_is_no_congestion) {
  BandwidthWorld world({.delay = 25ms, .jitter = 20ms, .rate = Bitrate::kbps(5000)}, 4);
  world.add_flow(Bitrate::kbps(2000));
  run_traced(world, 30s);
  world.take_rate(0);
  run_traced(world, 20s);
  EXPECT_GT(world.take_rate(0), 1.4e6);
}

TEST(Bandwidth, an_idle_picture_learns_by_probing_what_the_path_carries) {
  BandwidthWorld world({.delay = 25ms, .rate = Bitrate::kbps(400)}, 5);
  Flow& flow = world.add_flow(Bitrate::kbps(2000));
  run_traced(world, 10s);
  EXPECT_LT(flow.sender.session->stats().available_out, Bitrate::kbps(450));
  flow.encoder.share = 0.3;
  world.bottleneck.settings.rate = Bitrate::kbps(4000);
  run_traced(world, 20s);
  EXPECT_GT(flow.sender.session->stats().available_out, Bitrate::kbps(1700));
}

TEST(Bandwidth, silence_of_the_peer_brings_the_target_down_and_its_return_up) {
  BandwidthWorld world({.delay = 25ms, .rate = Bitrate::kbps(3000)}, 6);
  Flow& flow = world.add_flow(Bitrate::kbps(2000));
  run_traced(world, 10s);
  EXPECT_GT(flow.sender.session->stats().available_out, Bitrate::kbps(1800));
  world.bottleneck.settings.loss = 1;
  run_traced(world, 4s);
  EXPECT_LT(flow.sender.session->stats().available_out, Bitrate::kbps(600));
  world.bottleneck.settings.loss = 0;
  run_traced(world, 15s);
  EXPECT_GT(flow.sender.session->stats().available_out, Bitrate::kbps(1700));
}

TEST(Bandwidth, padding_goes_on_the_source_of_repetitions_where_there_is_one) {
  BandwidthWorld world({.delay = 25ms, .rate = Bitrate::kbps(400)}, 8);
  Flow& flow = world.add_flow(Bitrate::kbps(2000), [](TrackConfig& track) {
    track.receive_formats[0].rtx_payload_type = track.send_format->rtx_payload_type = 97;
  });
  run_traced(world, 10s);
  flow.encoder.share = 0.3;
  world.bottleneck.settings.rate = Bitrate::kbps(4000);
  run_traced(world, 1s);
  const auto sent = flow.sender.session->stats().video, arrived = flow.receiver.session->stats().video;
  run_traced(world, 20s);
  const auto sent_now = flow.sender.session->stats().video, arrived_now = flow.receiver.session->stats().video;
  const uint64_t padding = sent_now.padding_sent - sent.padding_sent;
  EXPECT_GT(padding, 20u);
  const auto media = static_cast<double>(sent_now.packets_sent - sent.packets_sent - padding);
  EXPECT_NEAR(static_cast<double>(arrived_now.packets_received - arrived.packets_received), media, 10);
  EXPECT_GT(flow.sender.session->stats().available_out, Bitrate::kbps(1700)) << "it finds out all the same";
}

TEST(Bandwidth, a_pause_of_the_sender_is_no_silence_of_the_peer) {
  BandwidthEstimator estimator;
  TimePoint now{1000h};
  uint16_t number = 0;
  const auto send = [&](bool answered) {
    estimator.on_sent(Seq16{number}, 1000, now);
    rtcp::TransportFeedback feedback;
    feedback.base = Seq16{number++};
    feedback.reference = std::chrono::microseconds(now.time_since_epoch() / 64ms * 64'000 % (64'000ll << 24));
    feedback.packets = {{true, std::chrono::microseconds(now.time_since_epoch() % 64ms / 1us)}};
    if (answered) estimator.on_feedback(feedback, now + 10ms);
    now += 20ms;
    estimator.tick(now);
  };
  for (int i = 0; i < 100; ++i) send(true);
  const auto before = estimator.estimate(now);
  ASSERT_TRUE(before);
  now += 30s;
  for (int i = 0; i < 10; ++i) send(false);  // the answers are on their way
  EXPECT_EQ(estimator.estimate(now), before);
  for (int i = 0; i < 90; ++i) send(false);
  EXPECT_LT(*estimator.estimate(now), *before) << "now the peer is silent";
}

TEST(Bandwidth, a_call_handed_to_a_phone_without_feedback_still_follows_its_path) {
  BandwidthWorld world({.delay = 25ms, .rate = core::Bitrate::kbps(2500)});
  Flow& flow = world.add_flow(core::Bitrate::kbps(2000));
  world.run(15s);
  auto track = video_track(true, core::Codec::vp8);
  track.transport_cc_extension = 0;
  flow.sender.session->reconfigure({track}, world.now);
  track.sending = false;
  flow.receiver.session->reconfigure({track}, world.now);
  world.run(5s);
  world.bottleneck.settings.rate = core::Bitrate::kbps(500);
  world.run(30s);
  const auto sent = world.bottleneck.sent, lost = world.bottleneck.lost;
  world.run(10s);
  EXPECT_LT(world.bottleneck.lost - lost, (world.bottleneck.sent - sent) / 10)
      << "the last feedback would hold for ever";
}

/// A call over 300 kbit/s without transport-cc, that is then handed to somebody whose way is wide.
void hand_over(Session::Path path, BandwidthWorld& world, core::Bitrate limit = {}) {
  Flow& flow = world.add_flow(core::Bitrate::kbps(2000), [](TrackConfig& t) { t.transport_cc_extension = 0; });
  world.run(30s);
  EXPECT_LT(flow.sender.session->stats().available_out.bits_per_second, 330'000);
  EXPECT_GT(flow.sender.session->stats().video.round_trip_ms, 40);
  world.bottleneck.settings.rate = core::Bitrate::kbps(5000);
  auto track = video_track(true, core::Codec::vp8);
  if (limit.bits_per_second > 0) track.bandwidth = limit;
  flow.sender.session->reconfigure({track}, world.now, path);
}

TEST(Bandwidth, of_the_peer_before_says_nothing_of_the_one_a_call_is_handed_to) {
  for (const bool another : {false, true}) {
    BandwidthWorld world({.delay = 25ms, .rate = core::Bitrate::kbps(300)});
    hand_over(another ? Session::Path::another : Session::Path::same, world);
    const SessionStats stats = world.flows[0]->sender.session->stats();
    EXPECT_EQ(stats.video.round_trip_ms == 0, another);
    EXPECT_EQ(stats.video.reported_at == TimePoint{}, another);
    world.run(100ms);
    EXPECT_EQ(world.flows[0]->sender.targets.back() == core::Bitrate::kbps(2000), another) << "as at the start";
    world.run(3s);
    EXPECT_EQ(world.flows[0]->sender.session->stats().available_out.bits_per_second > 1'500'000, another);
  }
}

TEST(Bandwidth, that_the_next_peer_allows_is_where_the_call_goes_on) {
  BandwidthWorld world({.delay = 25ms, .rate = core::Bitrate::kbps(300)});
  hand_over(Session::Path::another, world, core::Bitrate::kbps(700));
  world.run(2s);
  EXPECT_EQ(world.flows[0]->sender.targets.back(), core::Bitrate::kbps(700));
}

TEST(Bandwidth, a_keyframe_does_not_overrun_the_queue_of_a_path_that_carries_the_stream) {
  for (const uint8_t transport_cc : {0, 3}) {
    BandwidthWorld world({.delay = 25ms, .rate = core::Bitrate::kbps(4000), .queue_bytes = 32000});
    Flow& flow = world.add_flow(core::Bitrate::kbps(2000),
                                [&](TrackConfig& track) { track.transport_cc_extension = transport_cc; });
    world.run(10s);
    const auto before = world.bottleneck.lost;
    for (int i = 0; i < 20; ++i) {
      flow.sender.keyframe_requests++;
      world.run(1500ms);
    }
    EXPECT_EQ(world.bottleneck.lost, before) << int{transport_cc};
  }
}

TEST(Bandwidth, without_a_wish_nothing_is_probed) {
  BandwidthWorld world({.delay = 25ms, .rate = Bitrate::kbps(400)}, 7);
  Flow& flow = world.add_flow(Bitrate::kbps(2000));
  flow.sender.session->set_bitrate_wish({});
  run_traced(world, 20s);
  EXPECT_EQ(flow.sender.session->stats().video.padding_sent, 0u);
}

}  // namespace
}  // namespace partyline::rtp::test
