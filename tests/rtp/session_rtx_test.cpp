// Repetition on a source of its own (RFC 4588): two sessions, and packets made by hand.
#include <gtest/gtest.h>

#include "tests/rtp/video_sender.hpp"

namespace partyline::rtp::test {
namespace {

constexpr uint8_t kRtxType = 97;

TrackConfig rtx_track(uint32_t ssrc = 0, uint32_t rtx_ssrc = 0) {
  TrackConfig track = video_track();
  track.local_ssrc = ssrc;
  track.local_rtx_ssrc = rtx_ssrc;
  for (auto& format : track.receive_formats) format.rtx_payload_type = kRtxType;
  track.send_format->rtx_payload_type = kRtxType;
  return track;
}

TEST(SessionRtx, repairs_as_well_as_plain_repetition_and_on_its_own_source) {
  for (uint32_t seed = 1; seed <= 3; ++seed) {
    LossyCall call(0.1, 100ms, seed, core::Codec::h264, false, rtx_track(10, 20), rtx_track());
    const Viewing seen = call.run(30s);
    EXPECT_EQ(seen.broken, 0u);
    EXPECT_LT(seen.frozen, 0.05);
    std::set<uint16_t> numbers;
    size_t media = 0, repeated = 0;
    for (const auto& packet : call.world.a.rtp_sent) {
      const auto view = parse_packet(packet);
      ASSERT_TRUE(view);
      if (view->ssrc == 10) {
        ++media;
        EXPECT_TRUE(numbers.insert(view->sequence.value).second);  // nothing goes twice under its own number
      } else {
        EXPECT_EQ(view->ssrc, 20u);
        EXPECT_EQ(view->payload_type, kRtxType);
        ++repeated;
      }
    }
    EXPECT_EQ(repeated, call.world.a.session->stats().video.packets_resent);
    EXPECT_GT(repeated, media / 15);
    const auto stats = call.world.b.session->stats().video;
    EXPECT_NEAR(static_cast<double>(stats.packets_received + stats.packets_lost), static_cast<double>(media),
                20);  // some are on their way
    EXPECT_GT(stats.packets_recovered, stats.packets_lost * 9 / 10);
    EXPECT_EQ(stats.packets_missing, stats.packets_lost - stats.packets_recovered);
    EXPECT_GT(stats.keyframes_received, 0u);
    EXPECT_GE(call.world.a.session->stats().video.keyframes_sent, stats.keyframes_received) << "one may come broken";
    EXPECT_NEAR(call.world.a.session->stats().video.peer_fraction_lost, 0.1, 0.09);  // reports tell the path's loss
    EXPECT_LT(stats.jitter_ms, 10);
  }
}

TEST(SessionRtx, names_the_layer_of_a_simulcast_that_it_is_of) {
  TrackConfig layer = rtx_track(10, 20);
  layer.mid_extension = 4;
  layer.rid = "m";
  layer.rid_extension = 10;
  layer.repaired_rid_extension = 11;
  LossyCall call(0.1, 20ms, 1, core::Codec::h264, false, layer, rtx_track());
  call.run(5s);
  const auto name = [](const PacketView& view, uint8_t id) {
    const auto value = view.extension(id);
    return value ? std::string(value->begin(), value->end()) : std::string();
  };
  size_t media = 0, repeated = 0;
  for (const auto& packet : call.world.a.rtp_sent) {
    const auto view = parse_packet(packet);
    ASSERT_TRUE(view);
    EXPECT_LE(packet.size(), 1200u);
    if (view->ssrc == 10 && ++media <= 100) {
      EXPECT_EQ(name(*view, 10), "m");
      EXPECT_EQ(name(*view, 4), "1");
    }
    if (view->ssrc != 20) continue;
    ++repeated;
    EXPECT_EQ(name(*view, 11), "m");
    EXPECT_EQ(name(*view, 10), "");
  }
  EXPECT_GT(repeated, 10u);
}

class SessionRtxReceive : public testing::Test {
 protected:
  SessionRtxReceive() {
    side.now = &now;
    side.make({rtx_track()});
  }
  void packet(uint8_t type, uint16_t sequence, uint32_t timestamp, uint32_t ssrc, std::vector<uint8_t> payload,
              bool marker = false) {
    std::array<uint8_t, 1500> room{};
    PacketWriter writer(room, {marker, type, Seq16{sequence}, RtpTime32{timestamp}, ssrc});
    ASSERT_TRUE(writer.append(payload));
    side.receive(writer.packet());
  }
  void repetition(uint16_t original, uint32_t timestamp, std::vector<uint8_t> payload, bool marker = false) {
    payload.insert(payload.begin(), {static_cast<uint8_t>(original >> 8), static_cast<uint8_t>(original)});
    packet(kRtxType, rtx_number++, timestamp, 8, std::move(payload), marker);
  }
  void keyframe(uint16_t sequence, uint32_t timestamp) {
    packet(96, sequence, timestamp, 7, {0x67, 0x42, 0xE0, 0x1F, 0x8C});
    packet(96, static_cast<uint16_t>(sequence + 1), timestamp, 7, {0x68, 0xCE});
    packet(96, static_cast<uint16_t>(sequence + 2), timestamp, 7, {0x65, 0x88, 1}, true);
  }
  TimePoint now{1000h};
  Side side;
  uint16_t rtx_number = 65535;
};

TEST_F(SessionRtxReceive, probes_and_repetitions_before_any_media_do_no_harm) {
  packet(kRtxType, 1, 0, 8, {});
  repetition(40000, 90000, {0x41, 0x88, 1}, true);
  packet(kRtxType, 2, 0, 8, {0x12});
  keyframe(65534, 3000);
  ASSERT_EQ(side.video.size(), 1u);
  EXPECT_TRUE(side.video[0].keyframe);
  EXPECT_EQ(side.session->stats().video.packets_received, 3u);
}

TEST_F(SessionRtxReceive, a_hole_is_filled_across_the_wrap_and_in_the_order_of_the_originals) {
  keyframe(65531, 0xFFFFF000);
  packet(96, 65535, 0xFFFFFBB8, 7, {0x41, 0x88, 2}, true);
  packet(96, 0, 0x00000770, 7, {0x41, 0x88, 3}, true);
  EXPECT_EQ(side.video.size(), 1u);
  repetition(65534, 0xFFFFFBB8, {0x41, 0xE0, 1});
  ASSERT_EQ(side.video.size(), 3u);
  EXPECT_EQ(side.video[2].rtp_time - side.video[1].rtp_time, 3000);
  EXPECT_EQ(side.session->stats().video.packets_recovered, 1u);
  repetition(65534, 0xFFFFFBB8, {0x41, 0xE0, 1});  // the second copy
  EXPECT_EQ(side.video.size(), 3u);
  EXPECT_EQ(side.session->stats().video.packets_lost, 1u);
}

TEST_F(SessionRtxReceive, parameter_sets_of_the_sdp_serve_until_others_come_in_band) {
  auto track = rtx_track();
  track.parameter_sets = {{0x67, 0x42, 0xE0, 0x1F, 0x8C}, {0x68, 0xCE}};
  side.make({track});
  packet(96, 1, 3000, 7, {0x65, 0x88, 1}, true);
  ASSERT_EQ(side.video.size(), 1u);
  EXPECT_TRUE(side.video[0].keyframe);
  EXPECT_EQ(bytes_of(side.video[0]), (std::vector<uint8_t>{0, 0, 0,    1,    0x67, 0x42, 0xE0, 0x1F, 0x8C, 0,    0,
                                                           0, 1, 0x68, 0xCE, 0,    0,    0,    1,    0x65, 0x88, 1}));
}

TEST_F(SessionRtxReceive, a_keyframe_that_may_have_lost_new_parameter_sets_is_not_decoded_with_old_ones) {
  side.make({video_track(false)});
  keyframe(1, 3000);
  packet(96, 4, 6000, 7, {0x41, 0x88, 1}, true);
  packet(96, 7, 9000, 7, {0x65, 0x88, 2}, true);  // its SPS and PPS, 5 and 6, are lost
  for (int i = 0; i < 100; ++i) {
    now += 1ms;
    side.session->tick(now);
  }
  EXPECT_EQ(side.video.size(), 2u);
  EXPECT_GE(side.blocks(rtcp::Type::payload_feedback, rtcp::kPli), 1);
  keyframe(8, 12000);
  EXPECT_EQ(side.video.size(), 3u);
}

}  // namespace
}  // namespace partyline::rtp::test
