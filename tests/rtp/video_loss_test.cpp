// Video over links that lose packets, in virtual time: what the viewer sees.
#include <gtest/gtest.h>

#include "rtp/packet.hpp"
#include "tests/rtp/video_sender.hpp"

namespace partyline::rtp::test {
namespace {

struct Path {
  const char* name;
  double loss;
  core::Duration round_trip;
  double frozen;  ///< the most that is allowed
};

class LossyPath : public testing::TestWithParam<Path> {};

TEST_P(LossyPath, freezes_seldom_and_never_shows_a_broken_picture) {
  const Path path = GetParam();
  double frozen = 0;
  for (uint32_t seed = 1; seed <= 4; ++seed) {
    for (const auto codec : {core::Codec::h264, core::Codec::vp8}) {
      LossyCall call(path.loss, path.round_trip, seed, codec);
      const Viewing seen = call.run(60s);
      EXPECT_EQ(seen.broken, 0u);
      EXPECT_GT(seen.shown, 1500u);
      frozen += seen.frozen / 8;
    }
  }
  EXPECT_LT(frozen, path.frozen);
}

INSTANTIATE_TEST_SUITE_P(VideoLoss, LossyPath,
                         testing::Values(Path{"loss_5_percent_rtt_50_ms", 0.05, 50ms, 0.02},
                                         Path{"loss_10_percent_rtt_100_ms", 0.10, 100ms, 0.05}),
                         [](const auto& it) { return it.param.name; });

/// Nothing comes through for a second and `more`. How long after it a fresh picture is shown.
core::Duration mended(LossyCall& call, bool both_ways = true, core::Duration more = {}) {
  World& world = call.world;
  world.a_to_b.settings.loss = 1;
  world.b_to_a.settings.loss = both_ways ? 1 : 0;
  world.run(1s + more, [&] { (*call.sender)(); });
  world.a_to_b.settings.loss = world.b_to_a.settings.loss = 0;
  const TimePoint over = world.now;
  world.run(3s, [&] { (*call.sender)(); });
  const Viewing seen = judge(*call.sender, world.b, over - 5s, world.now);
  EXPECT_EQ(seen.broken, 0u);
  const auto fresh = std::ranges::find_if(seen.shown_at, [&](TimePoint at) { return at > over; });
  return fresh == seen.shown_at.end() ? 3s : *fresh - over;
}

TEST(VideoLoss, a_fresh_picture_comes_within_a_round_trip_and_200_ms_after_a_black_out_of_a_second) {
  for (const auto round_trip : {20ms, 50ms, 100ms, 200ms}) {
    for (uint32_t seed = 1; seed <= 12; ++seed) {
      LossyCall call(0, round_trip, seed);
      // The keyframe alone keeps it busy for 93 ms.
      call.world.a_to_b.settings.rate = core::Bitrate::kbps(2500);
      call.run(2s + seed * 7ms);
      const int before = call.sender->keyframes;
      EXPECT_LE(mended(call), round_trip + 200ms) << "round trip " << round_trip / 1ms << " ms, " << seed;
      EXPECT_LE(call.sender->keyframes, before + (round_trip > 50ms ? 1 : 2));
    }
  }
}

TEST(VideoLoss, where_one_way_alone_was_dead_the_wait_is_half_a_second_longer_at_most) {
  for (uint32_t seed = 1; seed <= 12; ++seed) {
    LossyCall call(0, 100ms, seed);
    call.world.a_to_b.settings.rate = core::Bitrate::kbps(2500);
    call.run(2s);
    EXPECT_LE(mended(call, false, seed * 41ms), 100ms + 200ms + mixer::KeyframeGate::kSpacing);
  }
}

TEST(VideoLoss, sound_that_comes_back_with_a_gap_in_its_numbers_is_reason_for_a_keyframe_that_nobody_asked_for) {
  World world({.delay = 50ms});
  world.a.make({audio_track(), video_track()});
  world.b.make({audio_track(), video_track()});
  VideoSender sender(world, world.a, core::Codec::h264);
  Talker talker(world, world.b);
  talker.with_video = false;
  const auto both = [&] {
    sender();
    talker();
  };
  world.run(2s, both);
  const int before = world.a.keyframe_requests;
  talker.with_audio = false;
  world.run(2s, both);
  talker.with_audio = true;
  world.run(300ms, both);
  EXPECT_EQ(world.a.keyframe_requests, before) << "a pause is none";
  world.b_to_a.settings.loss = 1;
  world.run(1s, both);
  world.b_to_a.settings.loss = 0;
  world.run(70ms, both);
  EXPECT_EQ(world.a.keyframe_requests, before + 1) << "by the first packet";
  world.run(1s, both);
  EXPECT_EQ(world.a.keyframe_requests, before + 1);
}

TEST(VideoLoss, who_asks_before_the_keyframe_under_way_can_have_come_is_answered_by_that) {
  LossyCall call(0, 200ms, 1);
  call.run(3s);
  World& world = call.world;
  const auto ask = [&] {
    const uint32_t source = parse_packet(world.a.rtp_sent.back())->ssrc;
    std::array<uint8_t, 100> room;
    rtcp::Writer writer(room);
    writer.pli({1, source});
    const int before = world.a.keyframe_requests;
    world.a.session->receive_rtcp(writer.packet(), world.now);
    return world.a.keyframe_requests - before;
  };
  const auto go_on = [&](core::Duration duration) { world.run(duration, [&] { (*call.sender)(); }); };
  EXPECT_EQ(ask(), 1);
  go_on(40ms);
  EXPECT_EQ(ask(), 0) << "it has left and cannot have come";
  go_on(80ms);
  EXPECT_EQ(ask(), 0);
  go_on(100ms);
  EXPECT_EQ(ask(), 1) << "it did not come";
}

TEST(VideoLoss, a_black_out_is_answered_by_one_keyframe_and_not_by_sending_it_all_again) {
  LossyCall call(0, 50ms, 1);
  call.run(2s);
  call.world.a_to_b.settings.loss = 1;
  call.world.run(1s, [&] { (*call.sender)(); });
  call.world.a_to_b.settings.loss = 0;
  const int before = call.sender->keyframes;
  call.world.run(3s, [&] { (*call.sender)(); });
  EXPECT_EQ(call.sender->keyframes, before + 1);
  EXPECT_LT(call.world.a.session->stats().video.packets_resent, 5u);
}

struct Repair {
  bool nack, layers;
  core::Codec codec;
};

TEST(VideoLoss, whatever_the_means_of_repair_no_broken_picture_is_shown) {
  for (const Repair repair : {Repair{false, false, core::Codec::h264}, Repair{false, true, core::Codec::h264},
                              Repair{false, false, core::Codec::vp8}, Repair{true, true, core::Codec::h264}}) {
    for (uint32_t seed = 1; seed <= 3; ++seed) {
      LossyCall call(repair.nack ? 0.04 : 0.01, 80ms, seed, repair.codec, repair.layers, video_track(repair.nack),
                     video_track(repair.nack));
      call.world.a_to_b.settings.reorder = 0.02;
      const Viewing seen = call.run(40s);
      EXPECT_EQ(seen.broken, 0u);
      EXPECT_GT(seen.shown, repair.nack ? 1100u : 400u);
    }
  }
}

TEST(VideoLoss, pictures_that_no_other_needs_cost_no_keyframe_when_they_are_lost) {
  LossyCall call(0, 80ms, 1, core::Codec::h264, true, video_track(false), video_track(false));
  VideoSender& sender = *call.sender;
  const auto lose_one_in_ten = [&] {
    // Those at odd places are disposable: the link loses the packets of every tenth picture, and no others.
    const size_t next = sender.sent.size();
    call.world.a_to_b.settings.loss = next % 10 == 5 ? 1 : 0;
    sender();
  };
  call.world.run(20s, lose_one_in_ten);
  const Viewing seen = judge(sender, call.world.b, call.world.now - 19s, call.world.now);
  EXPECT_EQ(seen.broken, 0u);
  EXPECT_EQ(sender.keyframes, 1);
  EXPECT_NEAR(static_cast<double>(seen.shown), static_cast<double>(sender.sent.size()) * 0.9, 12);
  EXPECT_EQ(seen.frozen, 0);
}

}  // namespace
}  // namespace partyline::rtp::test
