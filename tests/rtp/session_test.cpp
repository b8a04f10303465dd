#include "rtp/session.hpp"

#include <gtest/gtest.h>

#include "tests/rtp/session_world.hpp"

namespace partyline::rtp::test {
namespace {

using Settings = partyline::test::FakeLink::Settings;

void join(World& world, bool nack = true, core::Codec codec = core::Codec::h264) {
  world.a.make({audio_track(), video_track(nack, codec)});
  world.b.make({audio_track(), video_track(nack, codec)});
}

TEST(TrackStats, of_layers_are_their_sums_and_the_worst_of_their_losses) {
  TrackStats all, layer;
  all.packets_sent = 5;
  all.bytes_sent = 500;
  all.peer_fraction_lost = 0.1;
  layer.packets_sent = 3;
  layer.bytes_sent = 200;
  layer.frames_sent = layer.packets_resent = layer.padding_sent = layer.nacks_received = 1;
  layer.keyframes_requested_by_peer = 2;
  layer.packets_received = 9;
  layer.peer_fraction_lost = 0.2;
  all.add_sent(layer);
  EXPECT_EQ(all.packets_sent, 8u);
  EXPECT_EQ(all.bytes_sent, 700u);
  EXPECT_EQ(all.frames_sent + all.packets_resent + all.padding_sent + all.nacks_received, 4u);
  EXPECT_EQ(all.keyframes_requested_by_peer, 2u);
  EXPECT_EQ(all.packets_received, 0u) << "a layer is only sent";
  EXPECT_EQ(all.peer_fraction_lost, 0.2);
}

TEST(TrackStats, of_a_layer_that_is_sent_no_more_tell_no_loss) {
  const TimePoint now{1000h};
  TrackStats whole, stopped;
  whole.peer_fraction_lost = 0.1;
  whole.reported_at = now;
  stopped.peer_fraction_lost = 0.5;
  stopped.reported_at = now - 60s;
  for (const bool first : {true, false}) {
    TrackStats all;
    all.add_sent(first ? stopped : whole);
    all.add_sent(first ? whole : stopped);
    EXPECT_EQ(all.peer_fraction_lost, 0.1) << first;
    EXPECT_EQ(all.reported_at, now);
  }
}

TEST(Session, audio_and_video_arrive_whole_and_in_order_both_ways) {
  World world;
  join(world);
  Talker from_a(world, world.a), from_b(world, world.b);
  world.run(2s, [&] { from_a(), from_b(); });
  for (auto [talker, side] : {std::pair{&from_a, &world.b}, std::pair{&from_b, &world.a}}) {
    ASSERT_GE(side->video.size(), 48u);
    for (size_t i = 0; i < side->video.size(); ++i) {
      EXPECT_EQ(bytes_of(side->video[i]), talker->pictures[i]) << i;
      EXPECT_EQ(side->video[i].keyframe, i == 0);
      EXPECT_FALSE(side->video[i].after_loss);
    }
    ASSERT_GE(side->audio.size(), 98u);
    for (size_t i = 1; i < side->audio.size(); ++i) {
      EXPECT_EQ(side->audio[i].sequence, side->audio[i - 1].sequence + 1);
      EXPECT_EQ(side->audio[i].rtp_time, side->audio[i - 1].rtp_time + 960);
    }
  }
}

TEST(Session, sound_that_is_passed_on_with_a_hole_arrives_with_a_hole) {
  World world;
  join(world);
  int64_t sent = 0;
  world.run(200ms, [&, began = world.now] {
    const auto ms = (world.now - began) / 1ms;
    if (ms % 20 != 0 || ms == 100) return;
    const uint8_t bytes[40] = {1, 2, 3};
    auto frame = frame_of(core::Codec::opus, bytes, ms * 48, world.now);
    frame.after_loss = ms == 120;
    sent += world.a.session->send(frame, world.now) ? 1 : 0;
  });
  world.run(100ms);
  ASSERT_EQ(std::ssize(world.b.audio), sent);
  int holes = 0;
  for (size_t i = 1; i < world.b.audio.size(); ++i) {
    const auto& before = world.b.audio[i - 1];
    const int64_t steps = world.b.audio[i].sequence - before.sequence;
    EXPECT_EQ(world.b.audio[i].rtp_time - before.rtp_time, 960 * steps) << "loss, and no pause";
    holes += steps == 2 ? 1 : 0;
  }
  EXPECT_EQ(holes, 1);
}

TEST(Session, every_picture_survives_five_percent_loss_with_nack) {
  for (uint32_t seed = 1; seed <= 5; ++seed) {
    World world({.delay = 25ms, .jitter = 3ms, .loss = 0.05, .duplicate = 0.01}, seed);
    join(world);
    Talker talker(world, world.a);
    world.run(10s, [&] { talker(); });
    world.run(500ms);
    const auto stats = world.b.session->stats();
    ASSERT_EQ(world.b.video.size(), talker.pictures.size()) << seed;
    for (size_t i = 0; i < talker.pictures.size(); ++i) EXPECT_EQ(bytes_of(world.b.video[i]), talker.pictures[i]);
    EXPECT_GT(stats.video.packets_recovered, 20u);
    EXPECT_NEAR(world.a.session->stats().video.round_trip_ms, 53, 8);
  }
}

TEST(Session, vp8_survives_loss_and_reordering_with_nack) {
  World world({.delay = 25ms, .loss = 0.03, .reorder = 0.05}, 7);
  join(world, true, core::Codec::vp8);
  Talker talker(world, world.a, core::Codec::vp8);
  world.run(5s, [&] { talker(); });
  world.run(500ms);
  ASSERT_EQ(world.b.video.size(), talker.pictures.size());
  for (size_t i = 0; i < talker.pictures.size(); ++i) EXPECT_EQ(bytes_of(world.b.video[i]), talker.pictures[i]);
}

TEST(Session, without_nack_reordered_packets_are_waited_for) {
  World world({.reorder = 0.05, .reorder_by = 30ms}, 3);
  join(world, false);
  Talker talker(world, world.a);
  world.run(5s, [&] { talker(); });
  world.run(200ms);
  EXPECT_EQ(world.b.video.size(), talker.pictures.size());
  EXPECT_EQ(world.b.blocks(rtcp::Type::transport_feedback, rtcp::kNack), 0);
}

TEST(Session, without_nack_lost_pictures_are_left_out_flagged_and_followed_by_a_keyframe) {
  World world({.loss = 0.01}, 4);
  join(world, false);
  Talker talker(world, world.a);
  world.run(20s, [&] { talker(); });
  world.run(200ms);
  EXPECT_LT(world.b.video.size(), talker.pictures.size());
  EXPECT_GT(world.a.keyframe_requests, 0);
  size_t at = 0;  // every delivered picture is one that was sent, in order; a hole is flagged
  for (const auto& frame : world.b.video) {
    const size_t before = at;
    while (at < talker.pictures.size() && talker.pictures[at] != bytes_of(frame)) ++at;
    ASSERT_LT(at, talker.pictures.size());
    if (before != 0 && at > before) {
      EXPECT_TRUE(frame.after_loss);
    }
    ++at;
  }
}

TEST(Session, tells_how_loud_audio_is_and_whether_it_may_be_a_voice) {
  World world;
  TrackConfig track = audio_track();
  track.audio_level_extension = 1;
  world.a.make({track});
  const uint8_t bytes[40] = {};
  for (const auto& [level, on_wire] :
       {std::pair{15, 0x80 | 15}, std::pair{59, 0x80 | 59}, std::pair{60, 60}, std::pair{127, 127}}) {
    auto frame = frame_of(core::Codec::opus, bytes, level * 960, world.now);
    frame.audio_level = static_cast<uint8_t>(level);
    world.a.session->send(frame, world.now);
    const auto view = parse_packet(world.a.rtp_sent.back());
    ASSERT_TRUE(view && view->extension(1));
    EXPECT_EQ(view->extension(1)->front(), on_wire);  // RFC 6464 §3: the V bit on top
    EXPECT_EQ(view->audio_level(1), level);
  }
}

}  // namespace
}  // namespace partyline::rtp::test
