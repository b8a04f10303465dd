// Simulcast through the router: what a player sees when its layer changes, and what the publisher is asked for.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/counters.hpp"
#include "tests/sfu/layers.hpp"

namespace partyline::sfu {
namespace {

using namespace std::chrono_literals;
using core::Codec;
using core::TimePoint;
namespace rtcp = rtp::rtcp;
using test::Layers;
using test::Peer;
using SimulcastRouter = Layers;

TEST_F(SimulcastRouter, each_wish_gets_its_layer_without_a_seam) {
  run(2s);
  EXPECT_EQ(last_layer(), 0);
  for (const auto& [bits, layer] :
       std::vector<std::pair<uint64_t, int>>{{450'000, 1}, {150'000, 2}, {2'000'000, 0}, {480'000, 1}}) {
    wish(bits);
    run(3s);
    EXPECT_EQ(last_layer(), layer) << bits;
  }
  expect_seamless();
}

TEST_F(SimulcastRouter, an_estimate_counts_only_when_it_falls_while_much_is_sent) {
  const auto estimate = [&](uint64_t bits) {
    std::array<uint8_t, 200> room;
    rtcp::Writer writer(room);
    const uint32_t ssrc = 0x99;
    writer.remb(1, bits, {&ssrc, 1});
    router.receive_rtcp_from_player(player_id, writer.packet(), now);
  };
  run(3s);
  estimate(2'000'000);
  run(3s);
  EXPECT_EQ(last_layer(), 0);
  estimate(1'900'000);
  run(1s);
  EXPECT_EQ(last_layer(), 0);
  estimate(450'000);
  run(3s);
  EXPECT_EQ(last_layer(), 1);
  expect_seamless();
}

TEST_F(SimulcastRouter, keyframes_are_asked_of_the_layer_that_is_wanted_and_of_no_other) {
  run(2s);
  publisher.rtcp.clear();
  wish(150'000);
  for (int i = 0; i < 60 && last_layer() != 2; ++i) {
    router.tick(now);
    for (const uint32_t ssrc : publisher.plis()) EXPECT_EQ(ssrc, 0x12u);
    run(25ms);
  }
  EXPECT_EQ(last_layer(), 2);
}

TEST_F(SimulcastRouter, a_change_waits_for_the_end_of_the_picture_under_way) {
  run(2s);
  wish(150'000);
  router.tick(now);
  ASSERT_EQ(last_layer(), 0);
  send(0, false, true, false);
  send(2, true, true, false);  // its keyframe begins in the middle of the other's picture
  send(2, true, false, true);
  EXPECT_EQ(last_layer(), 0);
  send(0, false, false, true);
  EXPECT_EQ(last_layer(), 2);
  now += 25ms;
  run(500ms);
  expect_seamless();
}

TEST_F(SimulcastRouter, when_the_sender_drops_the_large_layer_the_player_sees_the_next_one) {
  run(2s);
  senders[0].sending = false;
  run(2500ms);
  EXPECT_EQ(last_layer(), 1);
  senders[0].sending = true;
  run(4s);
  EXPECT_EQ(last_layer(), 0);
  expect_seamless();
}

TEST_F(SimulcastRouter, a_layer_that_comes_back_is_not_taken_for_a_small_one) {
  run(2s);
  wish(350'000);  // the middle one has 384 kbit/s, the large one 768
  run(3s);
  ASSERT_EQ(last_layer(), 1);
  senders[0].sending = false;
  run(6s);
  senders[0].sending = true;
  for (int i = 0; i < 20; ++i) {
    run(250ms);
    EXPECT_EQ(last_layer(), 1);
  }
  expect_seamless();
}

TEST_F(SimulcastRouter, a_repetition_closes_the_gap_of_the_layer_it_names) {
  run(1s);
  const size_t before = player.rtp.size();
  Sender& s = senders[0];
  const uint16_t lost = s.sequence++;
  s.time += 2250;
  ++s.picture;
  senders[0].sending = true;
  // The second packet of the picture comes, the first one only as RTX.
  send(0, false, false, true);
  ASSERT_EQ(player.rtp.size(), before + 1);
  std::array<uint8_t, 1500> room;
  rtp::PacketWriter writer(room, {false, 100, {1}, {s.time}, 0x70});
  const char rid = 'h';
  writer.add_extension(11, {reinterpret_cast<const uint8_t*>(&rid), 1});
  const std::vector<uint8_t> payload{static_cast<uint8_t>(lost >> 8),
                                     static_cast<uint8_t>(lost),
                                     0x90,
                                     0x80,
                                     static_cast<uint8_t>(0x80 | s.picture >> 8),
                                     static_cast<uint8_t>(s.picture),
                                     1,
                                     0};
  writer.append(payload);
  router.receive_from_publisher(core::Buffer::copy_of(writer.packet()), now);
  ASSERT_EQ(player.rtp.size(), before + 2);
  const auto last = rtp::parse_packet(player.rtp[before + 1]), gap = rtp::parse_packet(player.rtp[before]);
  EXPECT_EQ(static_cast<uint16_t>(last->sequence.value + 1), gap->sequence.value);
}

TEST_F(SimulcastRouter, what_the_player_misses_is_sent_again_from_its_layer) {
  run(2s);
  wish(500'000);
  run(3s);
  const auto lost = player.rtp[player.rtp.size() - 5];
  const auto view = rtp::parse_packet(lost);
  std::array<uint8_t, 200> room;
  rtcp::Writer writer(room);
  const std::vector<rtp::Seq16> missing{view->sequence};
  writer.nack({1, 0x99}, missing);
  const size_t before = player.rtp.size();
  router.receive_rtcp_from_player(player_id, writer.packet(), now);
  ASSERT_EQ(player.rtp.size(), before + 1);
  EXPECT_EQ(player.rtp.back(), lost);
}

using Orders = std::map<uint32_t, bool>;

TEST_F(SimulcastRouter, layers_that_no_player_needs_are_stopped_at_their_source) {
  router.remove_player(player_id);
  begin({"h", "m", "l"}, 0, true);
  run(1s);
  EXPECT_EQ(orders(), (Orders{{1, false}, {2, false}}));
  EXPECT_EQ(last_layer(), 0);
  run(5s);
  EXPECT_EQ(orders(), Orders{}) << "once is enough";
  wish(400'000);
  run(2s);
  EXPECT_EQ(orders(), (Orders{{1, true}}));
  EXPECT_EQ(last_layer(), 1);
  run(4s);
  EXPECT_EQ(orders(), (Orders{{0, false}}));
  wish(2'000'000);
  run(2s);
  EXPECT_EQ(orders(), (Orders{{0, true}}));
  EXPECT_EQ(last_layer(), 0);
  expect_seamless();
}

TEST_F(SimulcastRouter, a_layer_that_is_refused_is_no_choice_until_it_comes_again) {
  router.remove_player(player_id);
  begin({"h", "m", "l"}, 0, true);
  run(4s);
  ASSERT_EQ(last_layer(), 0);
  senders[0].sending = false;
  refuses = 0;
  run(2s);
  EXPECT_EQ(last_layer(), 1);
  // Asked for again now and then, which costs those who watch the other one nothing.
  const size_t before = player.rtp.size();
  run(20s);
  EXPECT_EQ(player.rtp.size() - before, 20u * 80);
  EXPECT_EQ(last_layer(), 1);
  const auto told = orders();
  EXPECT_TRUE(told.contains(0));
  // Who comes now sees what there is.
  PlayerFormats wanted;
  wanted.video = {{Codec::vp8, 97, 0}};
  wanted.video_ssrc = 0x77;
  Peer late;
  router.add_player(wanted, late, now);
  run(1500ms);
  EXPECT_GT(late.rtp.size(), 40u);
  refuses.reset();
  run(15s);
  EXPECT_EQ(last_layer(), 0);
  expect_seamless();
}

TEST_F(SimulcastRouter, an_order_that_is_not_heard_is_repeated) {
  router.remove_player(player_id);
  begin({"h", "m", "l"}, 0, true);
  obeys = false;
  run(5s);
  EXPECT_GE(ordered.size(), 8u);
  EXPECT_EQ(orders(), (Orders{{1, false}, {2, false}}));
}

TEST_F(SimulcastRouter, a_publisher_that_promises_nothing_is_ordered_nothing) {
  run(5s);
  EXPECT_EQ(orders(), Orders{});
}

TEST_F(SimulcastRouter, a_player_that_cannot_see_it_wants_no_layer_and_no_keyframe) {
  router.remove_player(player_id);
  begin({"h", "m", "l"}, 0, true);
  wish(150'000);
  PlayerFormats deaf;
  deaf.audio = {{Codec::opus, 111, 0}};
  deaf.video_ssrc = 0x99;
  Peer listener;
  const auto id = router.add_player(deaf, listener, now);
  run(6s);
  EXPECT_EQ(last_layer(), 2);
  EXPECT_EQ(orders(), (Orders{{0, false}, {1, false}})) << "nobody sees the large ones";
  keyframes_asked.clear();
  std::array<uint8_t, 200> room;
  rtcp::Writer writer(room);
  writer.pli({1, 0x99});
  router.receive_rtcp_from_player(id, writer.packet(), now);
  run(10s);
  EXPECT_TRUE(keyframes_asked.empty());
}

TEST_F(SimulcastRouter, a_player_that_joins_needs_a_keyframe_of_its_layer_alone) {
  run(2s);
  keyframes_asked.clear();
  PlayerFormats wanted;
  wanted.video = {{Codec::vp8, 97, 0}};
  wanted.video_ssrc = 0x9A;
  Peer another;
  const auto id = router.add_player(wanted, another, now);
  run(2s);
  EXPECT_EQ(keyframes_asked.size(), 1u);
  EXPECT_EQ(keyframes_asked[0], 1);
  // One that leaves before its keyframe has come takes the wish along.
  std::array<uint8_t, 200> room;
  rtcp::Writer writer(room);
  writer.tmmbr(1, {0x9A, 150'000, 40});
  router.receive_rtcp_from_player(id, writer.packet(), now);
  router.tick(now);
  EXPECT_EQ(publisher.plis(), std::vector<uint32_t>{0x12});
  router.remove_player(id);
  publisher.rtcp.clear();
  keyframes_asked.clear();
  run(3s);
  EXPECT_EQ(keyframes_asked.size(), 0u);
}

TEST_F(SimulcastRouter, a_lost_layer_that_nobody_sees_needs_no_keyframe) {
  run(2s);
  wish(150'000);
  run(3s);
  keyframes_asked.clear();
  senders[0].sequence += 400;  // more than can be repaired
  run(2s);
  EXPECT_EQ(last_layer(), 2);
  EXPECT_TRUE(keyframes_asked.empty());
}

TEST_F(SimulcastRouter, padding_of_no_layer_is_no_stranger) {
  const core::Counter& strangers = core::counter("partyline_sfu_dropped_total", "reason=\"unknown_ssrc\"");
  const core::Counter& useless = core::counter("partyline_sfu_dropped_total", "reason=\"rtx_useless\"");
  run(1s);
  const uint64_t before = strangers.value(), useless_before = useless.value();
  std::array<uint8_t, 200> room;
  rtp::PacketWriter writer(room, {false, 100, {1}, {5}, 0x77});
  router.receive_from_publisher(core::Buffer::copy_of(writer.packet()), now);
  EXPECT_EQ(strangers.value(), before);
  EXPECT_EQ(useless.value(), useless_before + 1);
}

}  // namespace
}  // namespace partyline::sfu
