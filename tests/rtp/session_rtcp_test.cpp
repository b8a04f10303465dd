// Reports, what SRS and browsers answer, DTMF out, pacing, congestion: two sessions in virtual time.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "rtp/remote_clock.hpp"
#include "tests/rtp/session_world.hpp"

namespace partyline::rtp::test {
namespace {

using Bytes = std::vector<uint8_t>;

TEST(SessionRtcp, sender_reports_leave_at_0_200_and_400_ms_and_give_the_exact_rate) {
  World world;
  world.a.make({audio_track(), video_track()});
  world.b.make({audio_track(), video_track()});
  Talker talker(world, world.a);
  const TimePoint began = world.now;
  world.run(2500ms, [&] { talker(); });
  std::map<uint32_t, std::vector<std::pair<double, rtcp::SenderReport>>> reports;
  for (size_t i = 0; i < world.a.rtcp_sent.size(); ++i) {
    for (rtcp::Reader reader(world.a.rtcp_sent[i]); const auto block = reader.next();) {
      const auto report = rtcp::parse_sender_report(*block);
      const double at = std::chrono::duration<double, std::milli>(world.a.rtcp_at[i] - began).count();
      if (report) reports[report->ssrc].emplace_back(at, *report);
    }
  }
  ASSERT_EQ(reports.size(), 2u);
  for (const auto& [ssrc, list] : reports) {
    ASSERT_GE(list.size(), 5u);
    EXPECT_LT(list[0].first, 45);
    EXPECT_NEAR(list[1].first - list[0].first, 200, 15);
    EXPECT_NEAR(list[2].first - list[1].first, 200, 15);
    EXPECT_NEAR(list[3].first - list[2].first, 1000, 15);
    for (size_t i = 1; i < list.size(); ++i) {
      const auto& [x, y] = std::pair{list[i - 1].second, list[i].second};
      const double seconds = std::chrono::duration<double>(to_duration(y.ntp) - to_duration(x.ntp)).count();
      const double rate = (y.rtp_time.value - x.rtp_time.value) / seconds;
      EXPECT_NEAR(rate, rate > 60000 ? 90000 : 48000, 2);
    }
  }
}

TEST(SessionRtcp, captures_at_the_receiver_keep_audio_and_video_together) {
  World world({.delay = 40ms});
  world.a.make({audio_track(), video_track()});
  world.b.make({audio_track(), video_track()});
  Talker talker(world, world.a);
  world.run(5s, [&] { talker(); });
  const auto& audio = world.b.audio[201];
  const auto& video = world.b.video[100];  // both sent at 4040 ms
  EXPECT_NEAR(std::chrono::duration<double>(audio.capture - video.capture).count(), 0, 0.002);
}

TEST(SessionRtcp, a_report_whose_sender_ssrc_is_our_own_is_no_collision_and_gives_the_round_trip) {
  World world;
  world.a.make({video_track()});
  world.b.make({video_track()});
  Talker talker(world, world.a);
  talker.with_audio = false;
  world.run(100ms, [&] { talker(); });
  rtcp::SenderReport report;
  for (rtcp::Reader reader(world.a.rtcp_sent.front()); const auto block = reader.next();) {
    if (const auto parsed = rtcp::parse_sender_report(*block)) report = *parsed;
  }
  std::array<uint8_t, 100> room{};
  rtcp::Writer writer(room);
  rtcp::ReceiverReport answer{report.ssrc, {}};
  answer.reports.push({report.ssrc, 64, 3, 10, 0, report.ntp.middle(), rtcp::to_compact(50ms)});
  writer.receiver_report(answer);
  world.a.receive(writer.packet());
  const auto stats = world.a.session->stats();
  EXPECT_NEAR(stats.video.round_trip_ms, 10, 55);
  EXPECT_DOUBLE_EQ(stats.video.peer_fraction_lost, 0.25);
}

TEST(SessionRtcp, who_only_receives_learns_the_round_trip_too) {
  World world({.delay = 30ms});
  auto sending = video_track(), receiving = video_track();
  receiving.sending = false;
  sending.receiving = false;
  world.a.make({sending});
  world.b.make({receiving});
  Talker talker(world, world.a);
  talker.with_audio = false;
  world.run(4s, [&] { talker(); });
  EXPECT_NEAR(world.b.session->stats().video.round_trip_ms, 60, 5);
}

TEST(SessionRtcp, pli_and_fir_for_our_video_and_only_those_become_keyframe_requests) {
  World world;
  auto video = video_track();
  video.local_ssrc = 77;
  auto audio = audio_track();
  audio.local_ssrc = 66;
  world.a.make({audio, video});
  for (uint32_t ssrc : {77u, 66u, 5u, 0u}) {
    std::array<uint8_t, 100> room{};
    rtcp::Writer writer(room);
    writer.pli({1, ssrc});
    writer.fir(1, {ssrc, 1});
    world.a.receive(writer.packet());
  }
  EXPECT_EQ(world.a.keyframe_requests, 4);  // 77 and 0, each twice
}

TEST(SessionRtcp, a_keyframe_to_a_near_peer_is_spread_over_at_most_10_ms_and_a_small_picture_not_at_all) {
  World world;
  world.a.make({video_track()});
  world.b.make({video_track()});
  const auto key = h264_picture(true, 60000, 1), small = h264_picture(false, 5000, 2);
  world.a.session->send(frame_of(core::Codec::h264, key, 0, world.now, true), world.now);
  const size_t at_once = world.a.rtp_sent.size();
  EXPECT_GT(at_once, 3u);
  EXPECT_LT(at_once, 12u);
  world.ticking = true;
  world.run(5ms);
  EXPECT_GT(world.a.rtp_sent.size(), at_once + 15);
  EXPECT_LT(world.a.rtp_sent.size(), 45u);
  world.run(7ms);
  EXPECT_GT(world.a.rtp_sent.size(), 50u);
  world.run(100ms);
  const size_t before = world.a.rtp_sent.size();
  world.a.session->send(frame_of(core::Codec::h264, small, 9000, world.now), world.now);
  EXPECT_EQ(world.a.rtp_sent.size(), before + 5);
}

TEST(SessionRtcp, remb_and_the_peers_bandwidth_limit_the_target) {
  World world;
  auto video = video_track();
  video.local_ssrc = 77;
  video.bandwidth = core::Bitrate::kbps(900);
  world.a.make({video});
  const uint32_t ssrcs[] = {77};
  for (const uint64_t rate : {uint64_t{2'000'000}, uint64_t{400'000}, ~uint64_t{0}}) {
    std::array<uint8_t, 100> room{};
    rtcp::Writer writer(room);
    writer.remb(1, rate, ssrcs);
    world.a.receive(writer.packet());
  }
  ASSERT_EQ(world.a.targets.size(), 3u);
  EXPECT_EQ(world.a.targets[0], core::Bitrate::kbps(900));
  EXPECT_NEAR(static_cast<double>(world.a.targets[1].bits_per_second), 400e3, 1000);
  EXPECT_EQ(world.a.targets[2], core::Bitrate::kbps(900));
}

/// Runs a sender with transport-cc into a link; returns its last target.
double target_after(partyline::test::FakeLink::Settings settings, size_t picture_bytes, core::Duration duration) {
  World world(settings, 5);
  auto video = video_track();
  video.transport_cc_extension = 3;
  world.a.make({video});
  world.b.make({video});
  Talker talker(world, world.a);
  talker.with_audio = false;
  talker.delta_bytes = picture_bytes;
  world.run(duration, [&] {
    if (!world.a.targets.empty()) {
      const auto bytes = world.a.targets.back().bits_per_second / 8 / 25;
      talker.delta_bytes = std::min<size_t>(picture_bytes, static_cast<size_t>(bytes));
    }
    talker();
  });
  EXPECT_FALSE(world.a.targets.empty());
  return world.a.targets.empty() ? 0 : static_cast<double>(world.a.targets.back().bits_per_second);
}

TEST(SessionRtcp, a_clear_path_leaves_the_target_high) {
  EXPECT_GE(target_after({}, 6000, 10s), 2e6);
}

TEST(SessionRtcp, a_narrow_path_brings_the_target_down_to_what_it_carries) {
  const double target = target_after({.rate = core::Bitrate::kbps(800)}, 8000, 20s);
  EXPECT_LT(target, 1.1e6);
  EXPECT_GT(target, 3e5);
}

TEST(SessionRtcp, a_request_of_many_bounds_is_answered_once_with_the_last) {
  World world;
  world.a.make({video_track()});
  world.b.make({video_track()});
  Talker talker(world, world.a);
  world.run(100ms, [&] { talker(); });
  const auto ours = parse_packet(world.a.rtp_sent.back())->ssrc;
  // The writer makes one entry a block; this is 16 entries in one (RFC 5104 §4.2.1.1: 1 Mbit/s as 2^4 × 62500 …).
  Bytes request{0x83, 205, 0, 34, 0, 0, 0, 9, 0, 0, 0, 0};
  for (uint32_t i = 0; i < 16; ++i) {
    const uint32_t bound = 4u << 26 | (62500 + i) << 9 | 40;
    for (const uint32_t word : {ours, bound}) {
      for (int shift = 24; shift >= 0; shift -= 8) request.push_back(static_cast<uint8_t>(word >> shift));
    }
  }
  world.a.rtcp_sent.clear();
  world.a.session->receive_rtcp(request, world.now);
  ASSERT_EQ(world.a.blocks(rtcp::Type::transport_feedback, rtcp::kTmmbn), 1);
  rtcp::Reader reader(world.a.rtcp_sent.back());
  for (auto block = reader.next(); block; block = reader.next()) {
    const auto answer = rtcp::parse_tmmbn(*block);
    if (!answer) continue;
    ASSERT_EQ(answer->entries.size(), 1u);
    EXPECT_EQ(answer->entries[0].ssrc, 9u) << "its owner, not the media";
    EXPECT_EQ(answer->entries[0].bits_per_second, 62515u << 4);
  }
}

TEST(SessionRtcp, a_picture_nobody_wants_any_more_does_not_keep_the_clock_busy) {
  World world;
  world.a.make({video_track()});
  world.b.make({video_track()});
  Talker talker(world, world.a);
  world.run(500ms, [&] { talker(); });
  world.b.session->request_keyframe(world.now);
  auto held = video_track();
  held.receiving = false;
  world.b.session->reconfigure({held}, world.now);
  world.run(2s);  // by then a second request would be due
  const TimePoint from = world.now;
  for (int i = 0; i < 100; ++i) world.now = world.b.session->tick(world.now);
  EXPECT_GE(world.now - from, 900ms) << "every 10 ms, not every one";
}

TEST(SessionRtcp, lost_audio_that_is_not_asked_for_any_more_does_not_keep_the_clock_busy) {
  World world;
  TrackConfig track = audio_track();
  track.receive_formats[0].nack = true;
  track.receive_formats.push_back(audio_format(core::Codec::opus, 112));
  world.a.make({track});
  world.b.make({track});
  Talker talker(world, world.a);
  talker.with_video = false;
  world.run(100ms, [&] { talker(); });
  auto packet = world.a.rtp_sent.back();
  const uint16_t last = parse_packet(packet)->sequence.value;
  set_sequence(packet, Seq16{static_cast<uint16_t>(last + 5)});
  world.b.session->receive_rtp(core::Buffer::copy_of(packet), world.now);
  ASSERT_EQ(world.b.blocks(rtcp::Type::transport_feedback, rtcp::kNack), 1);
  set_sequence(packet, Seq16{static_cast<uint16_t>(last + 6)});
  set_payload_type(packet, 112);  // the peer went over to a type for which no NACK is agreed
  world.b.session->receive_rtp(core::Buffer::copy_of(packet), world.now);
  const TimePoint from = world.now;
  for (int i = 0; i < 20; ++i) world.now = world.b.session->tick(world.now);
  EXPECT_GE(world.now - from, 1s);
}

TEST(SessionRtcp, of_more_losses_than_one_packet_can_name_the_rest_is_asked_for_next) {
  World world;
  world.a.make({video_track()});
  world.b.make({video_track()});
  Talker talker(world, world.a);
  world.run(100ms, [&] { talker(); });
  world.run(100ms);  // the last picture has left
  world.b.rtcp_sent.clear();
  auto packet = world.a.rtp_sent.back();
  set_sequence(packet, Seq16{static_cast<uint16_t>(parse_packet(packet)->sequence.value + 401)});
  world.b.session->receive_rtp(core::Buffer::copy_of(packet), world.now);
  for (int i = 0; i < 3; ++i) world.b.session->tick(world.now += 1ms);
  std::set<uint16_t> asked;
  for (const auto& sent : world.b.rtcp_sent) {
    for (rtcp::Reader reader(sent); const auto block = reader.next();) {
      if (const auto nack = rtcp::parse_nack(*block)) {
        for (const Seq16 each : nack->sequences) asked.insert(each.value);
      }
    }
  }
  EXPECT_EQ(asked.size(), 400u);
}

TEST(SessionRtcp, bye_names_all_our_sources) {
  World world;
  world.a.make({audio_track(), video_track()});
  world.a.session->send_bye(world.now);
  EXPECT_EQ(world.a.blocks(rtcp::Type::bye, 2), 1);
}

}  // namespace
}  // namespace partyline::rtp::test
