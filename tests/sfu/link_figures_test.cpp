// How the links to a stream's publisher and players fare, as the router counts it.
#include <gtest/gtest.h>

#include <array>

#include "sfu/report_times.hpp"
#include "sfu/stream_router.hpp"
#include "tests/sfu/layers.hpp"

namespace partyline::sfu {
namespace {

using namespace std::chrono_literals;
using core::Codec;
using core::TimePoint;
using test::Peer;
namespace rtcp = rtp::rtcp;

constexpr uint8_t kAudioPt = 111, kRedPt = 63, kVideoPt = 108, kRtxPt = 109;
constexpr uint32_t kAudioSsrc = 0xA0, kVideoSsrc = 0xB0, kRtxSsrc = 0xB1, kPlayerAudio = 0x1A, kPlayerVideo = 0x1B;

template <class Write>
std::vector<uint8_t> rtcp_packet(Write write) {
  std::array<uint8_t, 1200> room;
  rtcp::Writer writer(room);
  write(writer);
  return {writer.packet().begin(), writer.packet().end()};
}

class LinkFigures : public ::testing::Test {
 protected:
  LinkFigures() {
    PublisherFormats formats;
    formats.audio.emplace();
    formats.audio->codec = Codec::opus;
    formats.audio->payload_type = kAudioPt;
    formats.audio->red_payload_type = kRedPt;
    formats.audio->nack = true;
    formats.video.emplace();
    formats.video->codec = Codec::h264;
    formats.video->payload_type = kVideoPt;
    formats.video->rtx_payload_type = kRtxPt;
    formats.video->h264_packetization_mode = 1;
    formats.video->nack = formats.video->pli = true;
    router_.set_publisher(formats, publisher_, now_);
    PlayerFormats takes;
    takes.audio = {{Codec::opus, 96, 0}};
    takes.video = {{Codec::h264, 97, 1}};
    takes.audio_ssrc = kPlayerAudio;
    takes.video_ssrc = kPlayerVideo;
    id_ = router_.add_player(takes, player_, now_);
  }
  void receive(uint8_t type, uint32_t ssrc, uint16_t sequence, uint32_t time, const std::vector<uint8_t>& payload,
               bool marker = false) {
    std::array<uint8_t, 1500> room;
    rtp::PacketWriter writer(room, {marker, type, {sequence}, {time}, ssrc});
    writer.append(payload);
    router_.receive_from_publisher(core::Buffer::copy_of(writer.packet()), now_);
  }
  void audio(uint16_t sequence) { receive(kAudioPt, kAudioSsrc, sequence, sequence * 960u, {1, 2, 3}); }
  void video(uint16_t sequence, bool key = false) {
    const auto start = static_cast<uint8_t>(key ? 0x67 : 0x61);
    receive(kVideoPt, kVideoSsrc, sequence, sequence * 3000u, {start, 9}, true);
  }
  void advance(core::Duration time) {
    for (const TimePoint end = now_ + time; now_ < end; now_ += 20ms) router_.tick(now_);
  }
  rtp::LinkFigures publisher() const { return router_.publisher_figures(now_); }
  rtp::LinkFigures player() const { return router_.player_figures(id_, now_); }
  template <class Write>
  void told_by_player(Write write) {
    router_.receive_rtcp_from_player(id_, rtcp_packet(write), now_);
  }

  TimePoint now_ = TimePoint{} + 1000s;
  StreamRouter router_;
  Peer publisher_, player_;
  StreamRouter::PlayerId id_ = 0;
};

TEST_F(LinkFigures, tell_what_a_publisher_sent_and_what_is_missing) {
  for (const uint16_t sequence : {10, 11, 13, 14, 17}) audio(sequence);  // 12, 15 and 16 are lost
  advance(40ms);
  const auto stats = publisher().session.audio;
  EXPECT_TRUE(stats.present);
  EXPECT_EQ(stats.packets_received, 5u);
  EXPECT_EQ(stats.bytes_received, 15u);
  EXPECT_EQ(stats.packets_lost, 3u);
  EXPECT_EQ(stats.packets_missing, 3u);
  EXPECT_EQ(stats.packets_recovered, 0u);
  EXPECT_GT(stats.nacks_sent, 0u);
}

TEST_F(LinkFigures, what_comes_again_under_its_own_number_is_not_lost) {
  audio(10);
  audio(12);
  advance(40ms);
  audio(11);
  const auto stats = publisher().session.audio;
  EXPECT_EQ(stats.packets_recovered, 1u);
  EXPECT_EQ(stats.packets_lost, 0u);
  EXPECT_EQ(stats.packets_missing, 0u);
}

TEST_F(LinkFigures, what_comes_again_by_rtx_is_lost_and_not_missing) {
  video(100, true);
  video(102);
  video(104);
  advance(40ms);
  receive(kRtxPt, kRtxSsrc, 7, 101 * 3000u, {0, 101, 0x61, 9});
  const auto stats = publisher().session.video;
  EXPECT_EQ(stats.packets_lost, 2u);
  EXPECT_EQ(stats.packets_recovered, 1u);
  EXPECT_EQ(stats.packets_missing, 1u);
  EXPECT_EQ(stats.keyframes_received, 1u);
  EXPECT_EQ(stats.frames_received, 3u);
}

TEST_F(LinkFigures, what_red_brings_is_lost_and_not_missing_until_it_comes_after_all) {
  audio(20);
  audio(21);
  // 22 is found in 23: block header (F, type, offset 960, length 1), then the own block's type.
  receive(kRedPt, kAudioSsrc, 23, 23 * 960u, {0x80 | kAudioPt, 960 >> 6, (960 & 63) << 2, 1, kAudioPt, 7, 8, 9});
  EXPECT_EQ(publisher().session.audio.packets_recovered, 1u);
  EXPECT_EQ(publisher().session.audio.packets_lost, 1u);
  EXPECT_EQ(publisher().session.audio.packets_missing, 0u);
  audio(22);
  EXPECT_EQ(publisher().session.audio.packets_lost, 0u);
  audio(25);
  EXPECT_EQ(publisher().session.audio.packets_missing, 1u) << "24; the repair of before is not set off against it";
}

TEST_F(LinkFigures, go_on_when_a_publisher_numbers_anew) {
  audio(1);
  audio(3);
  now_ += 1s;
  receive(kAudioPt, 0xCC, 40000, 0, {1});
  receive(kAudioPt, 0xCC, 40002, 1920, {1});
  EXPECT_EQ(publisher().session.audio.packets_received, 4u);
  EXPECT_EQ(publisher().session.audio.packets_lost, 2u);
}

TEST_F(LinkFigures, a_publisher_answers_our_reference_times_and_so_tells_the_round_trip) {
  audio(1);
  advance(1100ms);
  std::optional<rtcp::ExtendedReport> asked;
  for (const auto& bytes : publisher_.rtcp)
    for (rtcp::Reader reader(bytes); const auto block = reader.next();)
      if (const auto report = rtcp::parse_extended_report(*block)) asked = report;
  ASSERT_TRUE(asked && asked->receiver_reference);
  const rtcp::DlrrEntry answer{asked->ssrc, asked->receiver_reference->middle(), rtcp::to_compact(60ms)};
  // The report went out at the first tick after a second; it is answered 140 ms later, 60 of which it was kept.
  const core::Duration since = now_ - (TimePoint{} + 1001s);
  now_ += 140ms - since;
  router_.receive_rtcp_from_publisher(rtcp_packet([&](rtcp::Writer& w) { w.dlrr(kAudioSsrc, {&answer, 1}); }), now_);
  EXPECT_NEAR(publisher().session.audio.round_trip_ms, 80, 1);
  EXPECT_NEAR(publisher().session.video.round_trip_ms, 80, 1);
  const rtcp::DlrrEntry forged{asked->ssrc, 12345, 0};
  router_.receive_rtcp_from_publisher(rtcp_packet([&](rtcp::Writer& w) {
                                        w.dlrr(kAudioSsrc, {&forged, 1});
                                      }),
                                      now_ + 5s);
  EXPECT_NEAR(publisher().session.audio.round_trip_ms, 80, 1);
}

TEST_F(LinkFigures, tell_what_a_player_was_sent_and_says_of_it) {
  for (uint16_t i = 1; i <= 4; ++i) audio(i);
  for (uint16_t i = 1; i <= 3; ++i) video(i, i == 1);
  rtcp::SenderReport sent;
  sent.ssrc = kAudioSsrc;
  sent.ntp = rtcp::to_ntp(7000s);  // another's clock
  router_.receive_rtcp_from_publisher(rtcp_packet([&](rtcp::Writer& w) { w.sender_report(sent); }), now_);
  ASSERT_FALSE(player_.rtcp.empty());
  std::optional<rtcp::SenderReport> got;
  for (rtcp::Reader reader(player_.rtcp.back()); const auto block = reader.next();)
    if (const auto report = rtcp::parse_sender_report(*block)) got = report;
  ASSERT_TRUE(got);
  now_ += 100ms;
  told_by_player([&](rtcp::Writer& w) {
    rtcp::ReceiverReport report;
    report.ssrc = 5;
    report.reports.push({kPlayerAudio, 64, 1, 4, 480, got->ntp.middle(), rtcp::to_compact(30ms)});
    report.reports.push({kPlayerVideo, 128, 2, 3, 900, 0, 0});
    w.receiver_report(report);
    const auto missing = rtp::parse_packet(player_.rtp.back())->sequence;
    w.nack({5, kPlayerVideo}, {&missing, 1});
    w.pli({5, kPlayerVideo});
  });
  const auto stats = player().session;
  EXPECT_EQ(stats.audio.packets_sent, 4u);
  EXPECT_EQ(stats.audio.bytes_sent, 12u);
  EXPECT_DOUBLE_EQ(stats.audio.peer_fraction_lost, 0.25);
  EXPECT_EQ(stats.audio.reported_at, now_);
  EXPECT_DOUBLE_EQ(stats.audio.jitter_ms, 10);
  EXPECT_NEAR(stats.audio.round_trip_ms, 70, 1);
  EXPECT_DOUBLE_EQ(stats.video.peer_fraction_lost, 0.5);
  EXPECT_DOUBLE_EQ(stats.video.jitter_ms, 10);
  EXPECT_EQ(stats.video.packets_resent, 1u);
  EXPECT_EQ(stats.video.nacks_received, 1u);
  EXPECT_EQ(stats.video.keyframes_requested_by_peer, 1u);
  EXPECT_EQ(stats.video.keyframes_sent, 1u);
}

TEST_F(LinkFigures, a_player_that_asks_is_told_its_reference_time) {
  told_by_player([](rtcp::Writer& w) {
    w.receiver_reference(0x77, {0x1122334455667788});
    w.receiver_reference(0x78, {0x2122334455667788});
  });
  ASSERT_EQ(player_.rtcp.size(), 1u) << "one answer a packet";
  std::optional<rtcp::ExtendedReport> answer;
  for (rtcp::Reader reader(player_.rtcp.back()); const auto block = reader.next();)
    if (const auto report = rtcp::parse_extended_report(*block)) answer = report;
  ASSERT_TRUE(answer && answer->dlrr.size() == 1);
  EXPECT_EQ(answer->dlrr[0].ssrc, 0x78u);
  EXPECT_EQ(answer->dlrr[0].last_receiver_report, 0x33445566u);
  EXPECT_EQ(answer->dlrr[0].delay_since_last, 0u);
}

TEST(ReportTimes, are_smoothed_and_never_negative) {
  ReportTimes times;
  const TimePoint start{1000s};
  times.on_sent(1, start);
  times.on_named(1, rtcp::to_compact(2s), start + 1s);
  EXPECT_FALSE(times.round_trip()) << "kept longer than it was away";
  times.on_named(0, 0, start + 1s);
  times.on_named(99, 0, start + 1s);
  EXPECT_FALSE(times.round_trip());
  times.on_named(1, 0, start + 80ms);
  times.on_named(1, 0, start + 160ms);
  EXPECT_EQ(times.round_trip(), 90ms);
  times.on_sent(1, start + 1s);
  times.on_named(1, 0, start + 1090ms);
  EXPECT_EQ(times.round_trip(), 90ms) << "told once more: the last time counts";
  for (uint32_t i = 2; i < 40; ++i) times.on_sent(i, start);
  times.on_named(1, 0, start + 9s);
  EXPECT_EQ(times.round_trip(), 90ms) << "long forgotten";
}

}  // namespace
}  // namespace partyline::sfu
