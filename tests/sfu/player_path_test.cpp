// A player behind a narrow path: which layer it gets, what its publisher is told, and how both find out about more.
#include "sfu/player_path.hpp"

#include <gtest/gtest.h>

#include "core/counters.hpp"
#include "tests/sfu/layers.hpp"

namespace partyline::sfu::test {
namespace {

using core::Bitrate;

struct NarrowPath : Layers {
  void begin_behind(Bitrate rate, std::vector<std::string> rids) {
    router.remove_player(player_id);
    begin(std::move(rids), kNumbers);
    path.emplace(partyline::test::FakeLink::Settings{.delay = 25ms, .rate = rate}, 1);
  }
  int newest() const { return arrived.empty() ? -1 : arrived.back(); }
  /// The limits that the publisher was told by REMB, over a time.
  std::vector<uint64_t> told(core::Duration duration) {
    std::vector<uint64_t> limits;
    for (const auto end = now + duration; now < end;) {
      run(25ms);
      for (const auto& bytes : publisher.rtcp)
        for (rtcp::Reader reader(bytes); const auto block = reader.next();)
          if (const auto remb = rtcp::parse_remb(*block)) limits.push_back(remb->bits_per_second);
    }
    return limits;
  }
};

TEST_F(NarrowPath, the_player_gets_the_layer_that_fits_and_the_large_one_when_the_path_widens) {
  begin_behind(Bitrate::kbps(250), {"h", "m", "l"});  // the layers have 768, 384 and 128 kbit/s
  run(10s);
  EXPECT_EQ(newest(), 2);
  for (int i = 0; i < 100; ++i) {
    run(200ms);
    EXPECT_EQ(newest(), 2);
  }
  path->settings.rate = Bitrate::kbps(3000);
  run(15s);
  EXPECT_EQ(newest(), 0);
  EXPECT_GT(padding, 0) << "it was the padding that found out";
}

TEST_F(NarrowPath, however_often_something_is_asked_for_again_no_more_is_sent_than_the_path_carries) {
  begin_behind(Bitrate::kbps(250), {"h", "m", "l"});
  run(10s);
  const core::Counter& resent = core::counter("partyline_sfu_resent_total");
  const uint64_t before = resent.value();
  for (int i = 0; i < 80; ++i) {  // two seconds
    run(25ms);
    std::vector<rtp::Seq16> lost;
    for (uint16_t back = 0; back < 60; ++back) lost.push_back({static_cast<uint16_t>(last_sequence - back)});
    std::array<uint8_t, 1200> room;
    rtcp::Writer writer(room);
    writer.receiver_report({1, {}});
    ASSERT_TRUE(writer.nack({1, 0x99}, lost));
    router.receive_rtcp_from_player(player_id, writer.packet(), now);
  }
  const double bits = static_cast<double>(resent.value() - before) * static_cast<double>(senders[2].bytes) * 8;
  EXPECT_GT(bits, 0);
  EXPECT_LT(bits, 2 * 250e3);
}

// Bits a second of repetitions that a player without transport-cc gets when it asks for everything.
double repeated(PlayerPath& path, TimePoint& now) {
  size_t bytes = 0;
  for (const TimePoint end = now + 4s; now < end; now += 5ms)
    if (path.may_resend(1000, now)) bytes += 1000;
  return static_cast<double>(bytes) * 8 / 4;
}

TEST(RembOnly, repetitions_take_no_more_of_a_narrow_path_than_what_is_sent_leaves) {
  PlayerPath path;
  TimePoint now{1000h};
  for (int i = 0; i < 20; ++i) path.note_sent_rate(1e6);
  repeated(path, now);
  EXPECT_NEAR(repeated(path, now), 500e3, 30e3) << "nothing says that the path is narrow";
  path.on_estimate(1.2e6, now);
  for (int i = 0; i < 20; ++i) path.note_sent_rate(380e3);
  path.on_estimate(400e3, now);
  repeated(path, now);
  for (int i = 0; i < 10; ++i) {
    path.on_estimate(400e3, now);
    EXPECT_LT(repeated(path, now), 60e3) << i;
  }
}

TEST_F(NarrowPath, a_wide_one_is_no_limit_and_soon_gets_no_padding) {
  begin_behind(Bitrate::kbps(8000), {"h", "m", "l"});
  run(20s);
  EXPECT_EQ(newest(), 0);
  padding = 0;
  run(20s);
  EXPECT_EQ(padding, 0);
}

TEST_F(NarrowPath, is_asked_for_no_more_than_the_player_has_a_use_for) {
  begin_behind(Bitrate::kbps(600), {"h", "m", "l"});
  wish(150'000);
  run(20s);
  EXPECT_EQ(newest(), 2);
  padding = fast_ticks = 0;
  run(20s);
  EXPECT_EQ(padding, 0);
  EXPECT_EQ(fast_ticks, 0) << "nothing is being probed";
}

TEST_F(NarrowPath, that_is_wide_enough_for_a_larger_wish_is_found_so_within_seconds) {
  begin_behind(Bitrate::kbps(8000), {"h", "m", "l"});
  wish(150'000);
  run(20s);
  ASSERT_EQ(newest(), 2);
  wish(2'000'000);
  run(3s);
  EXPECT_EQ(newest(), 0);
}

TEST_F(NarrowPath, the_publisher_of_a_single_layer_is_told_what_the_path_carries) {
  begin_behind(Bitrate::kbps(500), {});
  senders[1].sending = senders[2].sending = false;  // 768 kbit/s
  const auto limits = told(10s);
  ASSERT_FALSE(limits.empty());
  EXPECT_LT(limits.back(), 500'000u);
  senders[0].bytes = 300;  // 192 kbit/s: it obeys, as far as it goes
  path->settings.rate = Bitrate::kbps(4000);
  EXPECT_GT(told(15s).back(), 2'000'000u);
}

TEST_F(NarrowPath, jitter_while_little_is_sent_is_no_limit) {
  begin_behind(Bitrate::kbps(4000), {});
  senders[0].bytes = 150;
  senders[1].sending = senders[2].sending = false;
  path->settings.jitter = 40ms;
  for (const uint64_t limit : told(30s)) EXPECT_GT(limit, 1'000'000u);
}

TEST(PlayerPath, an_estimate_of_the_player_counts_once_it_falls_while_much_is_sent) {
  PlayerPath path;
  const TimePoint now{1000h};
  for (int i = 0; i < 10; ++i) path.note_sent_rate(700e3);
  path.on_estimate(300e3, now);  // it has only begun to look
  EXPECT_FALSE(path.limit(now));
  path.on_estimate(900e3, now);
  EXPECT_FALSE(path.limit(now));
  path.on_estimate(450e3, now);
  EXPECT_EQ(path.limit(now), 450e3);
  EXPECT_FALSE(path.limit(now + 6s)) << "it has said nothing for long";
}

TEST(PlayerPath, a_publisher_of_sound_alone_may_follow_one_with_video_while_the_path_is_probed) {
  constexpr uint8_t kNumbers = 3;
  StreamRouter router;
  Peer publisher, player;
  TimePoint now{1000h};
  PlayerFormats wanted;
  wanted.audio = {{Codec::opus, 111, 0}};
  wanted.video = {{Codec::vp8, 97, 0, 98}};
  wanted.audio_ssrc = 0x97;
  wanted.video_ssrc = 0x99;
  wanted.video_rtx_ssrc = 0x98;
  wanted.audio_transport_cc = wanted.video_transport_cc = kNumbers;
  const auto id = router.add_player(wanted, player, now);
  const auto send = [&](uint8_t type, uint32_t ssrc, uint16_t sequence) {
    std::array<uint8_t, 400> room;
    rtp::PacketWriter writer(room, {true, type, {sequence}, {sequence * 960u}, ssrc});
    const std::vector<uint8_t> payload{0x10, 0, 0, 0};  // VP8: a keyframe's first packet
    writer.append(payload);
    router.receive_from_publisher(core::Buffer::copy_of(writer.packet()), now);
  };
  PublisherFormats formats;
  formats.video.emplace();
  formats.video->codec = Codec::vp8;
  formats.video->payload_type = 96;
  router.set_publisher(formats, publisher, now);
  send(96, 0x10, 1);
  router.clear_publisher();
  formats.video.reset();
  formats.audio.emplace();
  formats.audio->payload_type = 111;
  router.set_publisher(formats, publisher, now);
  ArrivalLog arrivals;
  for (uint16_t i = 1; i < 200; ++i, now += 20ms) {
    send(111, 0x11, i);
    for (auto at = now; at < now + 20ms; at += 5ms) router.tick(at);
    for (const auto& packet : std::exchange(player.rtp, {})) {
      const auto view = rtp::parse_packet(packet);
      ASSERT_TRUE(view);
      EXPECT_NE(view->ssrc, 0x98u) << "nothing to pad";
      if (const auto number = view->transport_sequence(kNumbers)) arrivals.receive(*number, now + 10ms);
    }
    rtcp::TransportFeedback feedback;
    if (i % 3 != 0 || !arrivals.take(feedback)) continue;
    std::array<uint8_t, 1200> room;
    rtcp::Writer writer(room);
    writer.transport_feedback(feedback);
    router.receive_rtcp_from_player(id, writer.packet(), now + 15ms);
  }
}

}  // namespace
}  // namespace partyline::sfu::test
