// What we ask of senders (REMB, TMMBR) and how ours answer, between whole sessions in virtual time.
#include <gtest/gtest.h>

#include <array>
#include <memory>

#include "rtp/transport_congestion.hpp"
#include "tests/rtp/bandwidth_world.hpp"

namespace partyline::rtp::test {
namespace {

using core::Bitrate;

/// The rates that a side asked for, in order: REMB and TMMBR alike.
std::vector<int64_t> asked(const Side& side) {
  std::vector<int64_t> rates;
  for (const auto& packet : side.rtcp_sent) {
    for (rtcp::Reader reader(packet); const auto block = reader.next();) {
      if (const auto remb = rtcp::parse_remb(*block)) rates.push_back(static_cast<int64_t>(remb->bits_per_second));
      const auto tmmbr = rtcp::parse_tmmbr(*block);
      if (tmmbr && !tmmbr->entries.empty()) rates.push_back(static_cast<int64_t>(tmmbr->entries[0].bits_per_second));
    }
  }
  return rates;
}

TrackConfig with(bool remb, bool tmmbr) {
  TrackConfig track = video_track();
  for (PayloadFormat* format : {&track.receive_formats[0], &*track.send_format}) {
    format->remb = remb;
    format->tmmbr = tmmbr;
  }
  return track;
}

struct Pair : testing::Test {
  void begin(const TrackConfig& track) {
    world.a.make({track});
    world.b.make({track});
    talker.with_audio = false;
    world.run(500ms, [this] { talker(); });
  }
  World world;
  Talker talker{world, world.a};
};
using ReceiveWish = Pair;

TEST_F(ReceiveWish, is_told_by_remb_and_bounds_the_senders_target) {
  begin(with(true, false));
  EXPECT_TRUE(asked(world.b).empty()) << "no wish, no congestion: nothing to say";
  world.b.session->set_receive_wish(Bitrate::kbps(700));
  world.run(500ms, [this] { talker(); });
  ASSERT_FALSE(world.a.targets.empty());
  EXPECT_NEAR(static_cast<double>(world.a.targets.back().bits_per_second), 700e3, 3e3);
  world.b.session->set_receive_wish(Bitrate::kbps(2100));
  world.run(1500ms, [this] { talker(); });
  EXPECT_NEAR(static_cast<double>(world.a.targets.back().bits_per_second), 2100e3, 9e3);
  EXPECT_EQ(world.b.blocks(rtcp::Type::transport_feedback, rtcp::kTmmbr), 0);
}

TEST_F(ReceiveWish, is_told_by_tmmbr_where_that_was_agreed_and_is_answered) {
  begin(with(true, true));
  world.b.session->set_receive_wish(Bitrate::kbps(500));
  world.run(500ms, [this] { talker(); });
  ASSERT_FALSE(world.a.targets.empty());
  EXPECT_NEAR(static_cast<double>(world.a.targets.back().bits_per_second), 500e3, 3e3);
  EXPECT_EQ(world.b.blocks(rtcp::Type::payload_feedback, rtcp::kApplicationLayer), 0);
  EXPECT_EQ(world.a.blocks(rtcp::Type::transport_feedback, rtcp::kTmmbn),
            world.b.blocks(rtcp::Type::transport_feedback, rtcp::kTmmbr));
}

TEST_F(ReceiveWish, is_kept_to_oneself_where_nothing_was_agreed) {
  begin(with(false, false));
  world.b.session->set_receive_wish(Bitrate::kbps(500));
  world.run(3s, [this] { talker(); });
  EXPECT_TRUE(asked(world.b).empty());
}

TEST_F(ReceiveWish, is_repeated_every_second_by_remb_and_not_more_often) {
  begin(with(true, false));
  world.b.session->set_receive_wish(Bitrate::kbps(500));
  world.run(10s, [this] { talker(); });
  EXPECT_GE(asked(world.b).size(), 9u);
  EXPECT_LE(asked(world.b).size(), 12u);
}

class WithoutTransportFeedback : public testing::TestWithParam<bool> {};

TEST_P(WithoutTransportFeedback, the_receiver_finds_the_bottleneck_and_the_sender_obeys) {
  BandwidthWorld world({.delay = 25ms, .rate = Bitrate::kbps(2500)}, 3);
  world.add_flow(Bitrate::kbps(2000), [](TrackConfig& track) {
    track.transport_cc_extension = 0;
    track.receive_formats[0].remb = GetParam();
    track.receive_formats[0].tmmbr = !GetParam();
  });
  world.run(10s);
  world.take_rate(0);
  world.run(5s);
  EXPECT_GT(world.take_rate(0), 1.6e6);
  world.bottleneck.settings.rate = Bitrate::kbps(600);
  world.run(10s);
  world.take_mean_queue_ms();
  world.take_rate(0);
  world.run(20s);
  EXPECT_LT(world.take_mean_queue_ms(), 250);
  EXPECT_GT(world.take_rate(0), 0.6 * 6e5);
  EXPECT_LT(world.flows[0]->sender.session->stats().available_out, Bitrate::kbps(800));
  // A picture that stands still tries no path: its limit fades.
  world.flows[0]->encoder.share = 0.1;
  world.bottleneck.settings.rate = Bitrate::kbps(4000);
  world.run(40s);
  EXPECT_GT(world.flows[0]->sender.session->stats().available_out, Bitrate::kbps(1800));
}

TEST(ReceiverReportsAlone, bring_the_sender_below_a_narrow_path_and_up_again) {
  BandwidthWorld world({.delay = 25ms, .rate = Bitrate::kbps(2500)}, 3);
  Flow& flow = world.add_flow(Bitrate::kbps(2000), [](TrackConfig& track) { track.transport_cc_extension = 0; });
  world.run(10s);
  world.take_rate(0);
  world.run(5s);
  EXPECT_GT(world.take_rate(0), 1.6e6);
  world.bottleneck.settings.rate = Bitrate::kbps(500);
  world.run(5s);
  EXPECT_LT(flow.sender.session->stats().available_out, Bitrate::kbps(550));
  world.run(10s);
  world.take_mean_queue_ms();
  world.take_rate(0);
  world.run(30s);
  EXPECT_LT(world.take_mean_queue_ms(), 250);
  EXPECT_GT(world.take_rate(0), 0.6 * 5e5);
  world.bottleneck.settings.rate = Bitrate::kbps(2500);
  world.run(40s);
  world.take_rate(0);
  world.run(10s);
  EXPECT_GT(world.take_rate(0), 1.6e6);
}

TEST(ApplicationLimited, jitter_beside_little_traffic_does_not_take_the_target_to_what_is_sent) {
  BandwidthWorld world({.delay = 25ms, .rate = Bitrate::kbps(5000)}, 4);
  Flow& flow = world.add_flow(Bitrate::kbps(2000));
  flow.encoder.share = 0.05;
  world.run(20s);
  core::Bitrate least = flow.sender.session->stats().available_out;
  for (int i = 0; i < 20; ++i) {
    world.bottleneck.settings.delay = i % 4 == 0 ? 120ms : 25ms;  // a stall of a machine
    for (int j = 0; j < 5; ++j) {
      world.run(200ms);
      if (j == 0) world.bottleneck.settings.delay = 25ms;
      least = std::min(least, flow.sender.session->stats().available_out);
    }
  }
  EXPECT_GT(least, Bitrate::kbps(800)) << "100 kbit/s are sent";
}

TEST(ApplicationLimited, a_sender_of_little_is_not_told_to_send_no_more_than_that_because_of_jitter) {
  BandwidthWorld world({.delay = 25ms, .rate = Bitrate::kbps(5000)}, 4);
  Flow& flow = world.add_flow(Bitrate::kbps(2000), [](TrackConfig& track) {
    track.transport_cc_extension = 0;
    track.receive_formats[0].remb = true;
  });
  flow.receiver.session->set_receive_wish(Bitrate::kbps(2000));
  flow.encoder.share = 0.02;
  world.run(20s);
  for (int i = 0; i < 5; ++i) {
    for (const auto delay : {50ms, 90ms, 140ms, 200ms}) {  // a machine that has too much to do for a moment
      world.bottleneck.settings.delay = delay;
      world.run(120ms);
    }
    world.bottleneck.settings.delay = 25ms;
    world.run(9500ms);
  }
  ASSERT_FALSE(flow.sender.targets.empty());
  EXPECT_GT(*std::ranges::min_element(flow.sender.targets), Bitrate::kbps(200)) << "40 kbit/s are sent";
}

/// Two layers on one transport, of which the first leads; its peer reports each second and asks for keyframes.
struct Layers {
  Layers() {
    for (Side& side : sides) {
      const bool first = &side == &sides[0];
      side.now = &now;
      TrackConfig track = video_track(false);
      track.local_ssrc = first ? 0x11 : 0x22;
      SessionConfig config;
      config.tracks = {track};
      config.congestion = congestion;
      config.leads = first;
      side.session = std::make_unique<Session>(std::move(config), side, now);
    }
  }
  void send(int pictures, Side* keyframe_of = nullptr) {
    for (int i = 0; i < pictures; ++i, now += 50ms) {
      for (Side& side : sides) {
        const bool key = &side == keyframe_of && i == 0;
        const auto bytes = h264_picture(key, 12000, static_cast<uint32_t>(i));
        side.session->send(frame_of(core::Codec::h264, bytes, (now - TimePoint{}) / 1ms * 90, now, key), now);
        for (int ms = 0; ms < 50; ++ms) side.session->tick(now + ms * 1ms);
      }
    }
  }
  template <class Write>
  void tell(Write write) {
    std::array<uint8_t, 200> room;
    rtcp::Writer writer(room);
    write(writer);
    sides[0].session->receive_rtcp(writer.packet(), now);
  }
  void report() {
    const auto last = parse_packet(sides[0].rtp_sent.back());
    rtcp::ReceiverReport report;
    report.ssrc = 5;
    report.reports.push({0x11, 0, 0, last->sequence.value, 0, 0, 0});
    tell([&](rtcp::Writer& w) { w.receiver_report(report); });
  }
  double rate() const { return static_cast<double>(congestion->estimator.estimate(now)->bits_per_second); }

  TimePoint now{1000h};
  std::shared_ptr<TransportCongestion> congestion = std::make_shared<TransportCongestion>();
  std::array<Side, 2> sides;
};

TEST(LayersWithoutTransportFeedback, a_keyframe_of_one_answers_no_request_for_another) {
  for (const size_t answers : {0, 1}) {
    Layers world;
    for (int i = 0; i < 6; ++i) {
      world.send(20);
      world.report();
    }
    const double before = world.rate();
    for (int i = 0; i < 5; ++i) {
      world.tell([](rtcp::Writer& w) { w.pli({5, 0x11}); });
      world.send(8, &world.sides[answers]);
    }
    EXPECT_EQ(world.rate() < before, answers == 0) << "a series of requests, each answered";
  }
}

INSTANTIATE_TEST_SUITE_P(remb_and_tmmbr, WithoutTransportFeedback, testing::Bool());

}  // namespace
}  // namespace partyline::rtp::test
