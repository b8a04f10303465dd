// Three layers on one transport through one bottleneck, each an RTP session with a model of an encoder, in virtual
// time; the other end reports the arrival of every number, whichever layer it was on.
#include <gtest/gtest.h>

#include <array>

#include "rtp/transport_feedback.hpp"
#include "tests/rtp/bandwidth_world.hpp"
#include "whip_client/layer_shares.hpp"

namespace partyline::whip_client {
namespace {

using namespace std::chrono_literals;
using core::Bitrate;
using rtp::test::ModelEncoder;
using rtp::test::Side;
constexpr uint8_t kNumbers = 3;
constexpr std::array<int, 3> kRates{2000, 800, 300};

struct LayersOnAPath : testing::Test {
  LayersOnAPath() {
    for (size_t i = 0; i < sides.size(); ++i) {
      rtp::SessionConfig config;
      config.tracks = {rtp::test::video_track(true, core::Codec::vp8)};
      config.tracks[0].transport_cc_extension = kNumbers;
      config.tracks[0].receiving = false;
      config.tracks[0].local_ssrc = static_cast<uint32_t>(i + 1);
      for (uint32_t other = 1; other <= 3; ++other) config.neighbours.push_back(other);
      config.congestion = congestion;
      config.leads = i == 0;
      sides[i].now = &now;
      sides[i].session = std::make_unique<rtp::Session>(std::move(config), sides[i], now);
    }
  }
  void step() {
    now += 1ms;
    for (size_t i = 0; i < sides.size(); ++i) encode(i);
    if (now >= next_split) {
      std::array<rtp::Session*, 3> sessions{sides[0].session.get(), sides[1].session.get(), sides[2].session.get()};
      split_path(shares, *congestion, sessions, {}, now);
      next_split = now + 100ms;
    }
    for (Side& side : sides) {
      side.session->tick(now);
      for (const auto& packet : side.rtp_sent) link.send(packet, now);
      side.rtp_sent.clear();
      side.rtcp_sent.clear();
    }
    link.deliver(now, [&](std::span<const uint8_t> packet, core::TimePoint at) {
      const auto view = rtp::parse_packet(packet);
      ASSERT_TRUE(view);
      arrivals.record(*view->transport_sequence(kNumbers), view->ssrc, at);
      if (view->ssrc >= 1 && view->ssrc <= 3) bytes[view->ssrc - 1] += packet.size();
    });
    if (now >= next_feedback) report();
    back.deliver(now, [&](std::span<const uint8_t> packet, core::TimePoint) {
      for (Side& side : sides) side.session->receive_rtcp(packet, now);
    });
  }
  void encode(size_t i) {
    if (!sides[i].targets.empty()) encoders[i].set_target(sides[i].targets.back());
    if (encoders[i].target().bits_per_second == 0 || (now - begin) / 1ms * 30 / 1000 < pictures[i]) return;
    const bool key = pictures[i] % 60 == 0;
    std::vector<uint8_t> picture(encoders[i].next_bytes(key), 0x55);
    picture[0] = key ? 0 : 1;
    sides[i].session->send(rtp::test::frame_of(core::Codec::vp8, picture, (now - begin) / 1ms * 90, now, key), now);
    pictures[i] = (now - begin) / 1ms * 30 / 1000 + 1;
  }
  void report() {
    next_feedback = now + 50ms;
    rtp::rtcp::TransportFeedback feedback;
    while (arrivals.take(feedback)) {
      std::array<uint8_t, 1200> room;
      rtp::rtcp::Writer writer(room);
      writer.receiver_report({9, {}});
      ASSERT_TRUE(writer.transport_feedback(feedback));
      back.send(writer.packet(), now);
    }
  }
  /// kbit/s of each layer that arrived over a time.
  std::array<int, 3> run(core::Duration duration) {
    bytes = {};
    for (const auto end = now + duration; now < end;) step();
    std::array<int, 3> result{};
    for (size_t i = 0; i < 3; ++i)
      result[i] =
          static_cast<int>(static_cast<double>(bytes[i]) * 8 / std::chrono::duration<double>(duration).count() / 1000);
    return result;
  }

  core::TimePoint now{1000h}, next_split{}, next_feedback{};
  const core::TimePoint begin{1000h};
  partyline::test::FakeLink link{{.delay = 25ms, .rate = Bitrate::kbps(6000)}, 1}, back{{.delay = 25ms}, 2};
  std::shared_ptr<rtp::TransportCongestion> congestion = std::make_shared<rtp::TransportCongestion>();
  LayerShares shares{{Bitrate::kbps(kRates[0]), Bitrate::kbps(kRates[1]), Bitrate::kbps(kRates[2])}};
  std::array<Side, 3> sides;
  std::array<ModelEncoder, 3> encoders{ModelEncoder{Bitrate::kbps(kRates[0]), 1},
                                       ModelEncoder{Bitrate::kbps(kRates[1]), 2},
                                       ModelEncoder{Bitrate::kbps(kRates[2]), 3}};
  std::array<int64_t, 3> pictures{};
  std::array<size_t, 3> bytes{};
  rtp::ArrivalRecorder arrivals;
};

TEST_F(LayersOnAPath, a_wide_one_carries_all_of_them) {
  run(10s);
  const auto rates = run(10s);
  for (size_t i = 0; i < 3; ++i) EXPECT_GT(rates[i], kRates[i] * 9 / 10) << i;
}

TEST_F(LayersOnAPath, a_narrow_one_stops_the_largest_and_leaves_the_others_whole_until_it_is_wide_again) {
  run(10s);
  link.settings.rate = Bitrate::kbps(1300);
  run(8s);
  const uint64_t lost = link.lost;
  auto rates = run(20s);
  EXPECT_LT(rates[0], 100) << "stopped, but for what asks the path for more";
  EXPECT_GT(rates[1], 500);
  EXPECT_GT(rates[2], 240);
  EXPECT_LT(link.lost - lost, 30u);
  link.settings.rate = Bitrate::kbps(6000);
  run(20s);
  rates = run(10s);
  for (size_t i = 0; i < 3; ++i) EXPECT_GT(rates[i], kRates[i] * 8 / 10) << i;
}

TEST_F(LayersOnAPath, a_very_narrow_one_carries_the_smallest) {
  run(10s);
  link.settings.rate = Bitrate::kbps(400);
  run(10s);
  const auto rates = run(20s);
  EXPECT_LT(rates[0] + rates[1], 60);
  EXPECT_GT(rates[2], 150);
}

}  // namespace
}  // namespace partyline::whip_client
