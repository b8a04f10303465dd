// What a session makes of packets as real peers send them: crafted one by one.
#include <gtest/gtest.h>

#include "core/counters.hpp"
#include "rtp/payload/red.hpp"
#include "rtp/payload/telephone_event.hpp"
#include "tests/rtp/session_world.hpp"

namespace partyline::rtp::test {
namespace {

using Bytes = std::vector<uint8_t>;

class SessionReceive : public testing::Test {
 protected:
  SessionReceive() {
    side.now = &now;
    side.make({audio_track(), video_track(false)});
  }
  void packet(uint8_t payload_type, uint16_t sequence, uint32_t timestamp, uint32_t ssrc, const Bytes& payload,
              bool marker = false) {
    std::array<uint8_t, 1500> room{};
    PacketWriter writer(room, {marker, payload_type, Seq16{sequence}, RtpTime32{timestamp}, ssrc});
    ASSERT_TRUE(writer.append(payload));
    side.receive(writer.packet());
  }
  void audio(uint16_t sequence, uint32_t timestamp, uint32_t ssrc = 1) {
    packet(0, sequence, timestamp, ssrc, Bytes(160, 0xD5));
  }
  void tick_for(core::Duration duration) {
    for (const TimePoint end = now + duration; now < end;) {
      now += 1ms;
      side.session->tick(now);
    }
  }
  std::vector<int64_t> sequences() const {
    std::vector<int64_t> out;
    for (const auto& frame : side.audio) out.push_back(frame.sequence);
    return out;
  }
  /// A RED packet (payload type 63) of `numbers`: each a block of PCMU whose only byte is its number, the last its own.
  void red(uint16_t sequence, const Bytes& numbers) {
    Bytes payload;
    for (size_t i = 0; i + 1 < numbers.size(); ++i) {
      const auto header = red_header(0, static_cast<uint32_t>(160 * (numbers.size() - 1 - i)), 1);
      payload.insert(payload.end(), header.begin(), header.end());
    }
    payload.push_back(0);
    payload.insert(payload.end(), numbers.begin(), numbers.end());
    packet(63, sequence, uint32_t{160} * static_cast<uint16_t>(sequence + 10), 1, payload);
  }
  TimePoint now{1000h};
  Side side;
};

TEST_F(SessionReceive, payload_type_13_beside_pcmu_describes_noise_and_is_no_loss) {
  audio(1, 0);
  audio(2, 160);
  packet(13, 3, 320, 1, {45, 127});
  audio(4, 8000);
  EXPECT_EQ(sequences(), (std::vector<int64_t>{1, 2, 3, 4}));
  EXPECT_TRUE(side.audio[2].comfort_noise);
  EXPECT_EQ(bytes_of(side.audio[2]), (Bytes{45, 127}));
  EXPECT_FALSE(side.audio[1].comfort_noise || side.audio[3].comfort_noise);
  EXPECT_EQ(side.session->stats().audio.packets_lost, 0u);
}

TEST_F(SessionReceive, red_brings_lost_packets_back_once_in_their_place) {
  TrackConfig track = audio_track();
  track.red = 63;
  side.make({track});
  red(65534, {1});
  red(65535, {1, 2});    // 1 is there already
  red(1, {1, 2, 3, 4});  // 0, the 3, is lost; that it is counted back over the wrap is the point
  red(2, {2, 3, 4, 5});  // the 3 again
  std::vector<uint8_t> contents;
  std::vector<int64_t> times;
  for (const auto& frame : side.audio) {
    contents.push_back(frame.data[0]);
    times.push_back(frame.rtp_time - side.audio[0].rtp_time);
    EXPECT_EQ(frame.recovered, frame.data[0] == 3);
  }
  EXPECT_EQ(contents, (Bytes{1, 2, 3, 4, 5}));
  EXPECT_EQ(times, (std::vector<int64_t>{0, 160, 320, 480, 640}));
  EXPECT_EQ(sequences(), (std::vector<int64_t>{65534, 65535, 65536, 65537, 65538}));
  EXPECT_EQ(side.session->stats().audio.packets_recovered, 1u);
  EXPECT_EQ(side.session->stats().audio.packets_lost, 1u);
  EXPECT_EQ(side.session->stats().audio.packets_missing, 0u);
}

TEST_F(SessionReceive, red_of_the_packet_before_the_last_is_no_copy_of_the_last) {
  TrackConfig track = audio_track();
  track.red = 63;
  side.make({track});
  const auto distant = [&](uint16_t sequence) {  // GStreamer's rtpredenc distance=2
    const auto header = red_header(0, 320, 1);
    Bytes payload(header.begin(), header.end());
    payload.insert(payload.end(), {0, static_cast<uint8_t>(sequence - 2), static_cast<uint8_t>(sequence)});
    packet(63, sequence, uint32_t{160} * sequence, 1, payload);
  };
  for (const uint16_t sequence : {20, 21, 22, 25, 26}) distant(sequence);  // 23 and 24 are lost
  std::vector<int64_t> contents;
  for (const auto& frame : side.audio) {
    contents.push_back(frame.data[0]);
    EXPECT_EQ(frame.rtp_time - side.audio[0].rtp_time, 160 * (frame.data[0] - 20));
    EXPECT_EQ(frame.recovered, frame.data[0] == 23 || frame.data[0] == 24);
  }
  EXPECT_EQ(contents, (std::vector<int64_t>{20, 21, 22, 23, 25, 24, 26}));
  EXPECT_EQ(sequences(), contents);
}

TEST_F(SessionReceive, red_that_is_broken_or_of_a_strange_codec_changes_nothing) {
  TrackConfig track = audio_track();
  track.red = 63;
  side.make({track});
  audio(1, 160);
  packet(63, 2, 320, 1, {0x80, 1});
  packet(63, 3, 480, 1, {99, 1, 2, 3});
  audio(4, 640);
  EXPECT_EQ(side.audio.size(), 2u);
}

TEST_F(SessionReceive, audio_is_delivered_at_once_unwrapped_and_twice_never) {
  for (uint16_t s : {65534, 65535, 1, 0, 1, 65535, 2}) {
    now += 20ms;
    audio(s, static_cast<uint32_t>(0xFFFFFF00u + static_cast<uint16_t>(s + 2) * 160u));
  }
  EXPECT_EQ(sequences(), (std::vector<int64_t>{65534, 65535, 65537, 65536, 65538}));
  EXPECT_EQ(side.audio.back().rtp_time - side.audio.front().rtp_time, 4 * 160);
  EXPECT_EQ(side.session->stats().audio.packets_discarded, 2u);
}

TEST_F(SessionReceive, packets_of_types_nobody_agreed_on_are_dropped) {
  packet(77 - 64, 1, 1, 9, {1, 2});
  packet(50, 1, 1, 9, {1, 2});
  EXPECT_TRUE(side.audio.empty());
  EXPECT_EQ(side.session->stats().audio.packets_received, 0u);
}

TEST_F(SessionReceive, a_stray_source_is_ignored_while_the_first_one_speaks) {
  for (uint16_t i = 0; i < 50; ++i) {
    now += 20ms;
    audio(i, i * 160u);
    audio(static_cast<uint16_t>(1000 + i), i * 160u, 99);
  }
  EXPECT_EQ(side.audio.size(), 50u);
}

TEST_F(SessionReceive, a_phone_that_changes_its_source_is_followed_and_its_numbers_go_on) {
  for (uint16_t i = 0; i < 10; ++i) {
    now += 20ms;
    audio(i, 5000u + i * 160u);
  }
  now += 400ms;
  for (uint16_t i = 0; i < 10; ++i) {
    now += 20ms;
    audio(static_cast<uint16_t>(40000 + i), 0xF0000000u + i * 160u, 2);
  }
  ASSERT_EQ(side.audio.size(), 18u);  // two on probation
  EXPECT_EQ(side.audio[10].sequence, side.audio[9].sequence + 1);
  const auto passed = side.audio[10].rtp_time - side.audio[9].rtp_time;
  EXPECT_NEAR(static_cast<double>(passed), 460 * 8, 1);
}

TEST_F(SessionReceive, digits_leave_the_numbering_of_the_audio_and_come_once) {
  uint16_t sequence = 65530;
  uint32_t timestamp = 0xFFFFFE00;
  const auto event = [&](uint16_t duration, bool end) {
    std::array<uint8_t, 4> payload{};
    write_telephone_event(payload, 5, end, duration);
    now += 20ms;
    packet(101, sequence++, timestamp, 1, {payload.begin(), payload.end()});
  };
  for (int i = 0; i < 3; ++i, timestamp += 160) now += 20ms, audio(sequence++, timestamp);
  for (uint16_t d = 160; d <= 800; d = static_cast<uint16_t>(d + 160)) event(d, false);
  for (int i = 0; i < 3; ++i) event(960, true);
  timestamp += 960;
  for (int i = 0; i < 3; ++i, timestamp += 160) now += 20ms, audio(sequence++, timestamp);
  EXPECT_EQ(side.digits, "5");
  ASSERT_EQ(side.audio.size(), 6u);
  for (size_t i = 1; i < 6; ++i) EXPECT_EQ(side.audio[i].sequence, side.audio[i - 1].sequence + 1) << i;
  EXPECT_EQ(side.audio[3].rtp_time - side.audio[2].rtp_time, 160 + 960);
}

TEST_F(SessionReceive, a_lost_packet_of_a_press_is_no_lost_sound) {
  uint16_t sequence = 10;
  uint32_t timestamp = 0;
  const auto event = [&](uint16_t duration, bool end, bool lost) {
    std::array<uint8_t, 4> payload{};
    write_telephone_event(payload, 5, end, duration);
    now += 20ms;
    if (!lost) packet(101, sequence, timestamp, 1, {payload.begin(), payload.end()});
    ++sequence;
  };
  for (int i = 0; i < 3; ++i, timestamp += 160) now += 20ms, audio(sequence++, timestamp);
  for (uint16_t d = 160; d <= 800; d = static_cast<uint16_t>(d + 160)) event(d, false, d == 480);
  for (int i = 0; i < 3; ++i) event(960, true, i == 0);
  timestamp += 960;
  for (int i = 0; i < 3; ++i, timestamp += 160) now += 20ms, audio(sequence++, timestamp);
  EXPECT_EQ(side.digits, "5");
  ASSERT_EQ(side.audio.size(), 6u);
  for (size_t i = 1; i < 6; ++i) EXPECT_EQ(side.audio[i].sequence, side.audio[i - 1].sequence + 1) << i;
}

TEST_F(SessionReceive, joining_in_the_middle_asks_for_a_keyframe_with_back_off_until_it_comes) {
  const TimePoint began = now;
  for (uint16_t i = 0; i < 100; ++i) {  // 4 s without an answer
    packet(96, i, i * 3600u, 7, {0x41, 0x88, 1}, true);
    tick_for(40ms);
  }
  EXPECT_TRUE(side.video.empty());
  std::vector<double> at;
  for (size_t i = 0; i < side.rtcp_sent.size(); ++i) {
    for (rtcp::Reader reader(side.rtcp_sent[i]); const auto block = reader.next();) {
      if (!rtcp::parse_pli(*block)) continue;
      EXPECT_EQ(rtcp::parse_pli(*block)->media_ssrc, 7u);
      at.push_back(std::chrono::duration<double>(side.rtcp_at[i] - began).count());
    }
  }
  ASSERT_EQ(at.size(), 4u);
  EXPECT_NEAR(at[0], 0, 0.001);
  EXPECT_NEAR(at[1], 0.5, 0.01);
  EXPECT_NEAR(at[2], 1.5, 0.02);
  EXPECT_NEAR(at[3], 3.5, 0.03);
  packet(96, 100, 100 * 3600u, 7, {0x67, 0x42, 0xE0, 0x1F, 0x8C}, false);
  packet(96, 101, 100 * 3600u, 7, {0x68, 0xCE}, false);
  packet(96, 102, 100 * 3600u, 7, {0x65, 0x88, 1}, true);
  ASSERT_EQ(side.video.size(), 1u);
  EXPECT_TRUE(side.video[0].keyframe);
  for (uint16_t i = 103; i < 203; ++i) {
    packet(96, i, i * 3600u, 7, {0x41, 0x88, 1}, true);
    tick_for(40ms);
  }
  EXPECT_EQ(side.blocks(rtcp::Type::payload_feedback, rtcp::kPli), 4);
}

TEST_F(SessionReceive, fir_is_sent_where_only_fir_is_agreed) {
  auto track = video_track(false);
  track.receive_formats[0].pli = false;
  track.receive_formats[0].fir = true;
  side.make({track});
  packet(96, 1, 1, 7, {0x41, 0x88, 1}, true);
  EXPECT_EQ(side.blocks(rtcp::Type::payload_feedback, rtcp::kFir), 1);
  EXPECT_EQ(side.blocks(rtcp::Type::payload_feedback, rtcp::kPli), 0);
}

TEST_F(SessionReceive, a_picture_without_marker_ends_where_the_timestamp_changes) {
  packet(96, 65535, 0xFFFFFFFF, 7, {0x67, 0x42, 0xE0, 0x1F, 0x8C});
  packet(96, 0, 0xFFFFFFFF, 7, {0x68, 0xCE});
  packet(96, 1, 0xFFFFFFFF, 7, {0x65, 0x88, 1});
  packet(96, 2, 3599, 7, {0x41, 0x88, 1});
  packet(96, 3, 7199, 7, {0x41, 0x88, 2});
  ASSERT_EQ(side.video.size(), 2u);
  EXPECT_TRUE(side.video[0].keyframe);
  EXPECT_EQ(side.video[1].rtp_time - side.video[0].rtp_time, 3600);
}

TEST_F(SessionReceive, a_picture_whose_last_fragment_never_came_is_broken_though_it_has_its_marker) {
  const core::Counter& broken = core::counter("partyline_rtp_frames_dropped_total", "reason=\"broken\"");
  packet(96, 1, 0, 7, {0x67, 0x42, 0xE0, 0x1F, 0x8C});
  packet(96, 2, 0, 7, {0x68, 0xCE});
  packet(96, 3, 0, 7, {0x65, 0x88, 1}, true);
  ASSERT_EQ(side.video.size(), 1u);
  const auto before = broken.value();
  packet(96, 4, 3600, 7, {0x7C, 0x81, 0x88, 1, 2, 3}, true);  // FU-A: start, no end
  packet(96, 5, 7200, 7, {0x41, 0x88, 2}, true);
  tick_for(20ms);
  EXPECT_EQ(broken.value(), before + 1);
  EXPECT_EQ(side.blocks(rtcp::Type::payload_feedback, rtcp::kPli), 1) << "what follows refers to it";
}

TEST_F(SessionReceive, a_reconfigured_track_takes_the_new_payload_types_and_keeps_its_statistics) {
  now += 20ms;
  audio(1, 160);
  auto track = audio_track();
  track.receive_formats = {audio_format(core::Codec::pcmu, 118)};
  side.session->reconfigure({track, video_track()}, now);
  audio(2, 320);
  EXPECT_EQ(side.audio.size(), 1u);
  packet(118, 3, 480, 1, Bytes(160, 1));
  EXPECT_EQ(side.audio.size(), 2u);
  EXPECT_EQ(side.session->stats().audio.frames_received, 2u);
  track.receiving = false;
  side.session->reconfigure({track, video_track()}, now);
  packet(118, 4, 640, 1, Bytes(160, 1));
  EXPECT_EQ(side.audio.size(), 2u);
}

TEST(KeyframeRequests, where_no_picture_is_whole_a_keyframe_is_asked_for) {
  World world;
  world.a.make({video_track(false)});
  world.b.make({video_track(false)});
  world.a.link = nullptr;
  Talker talker(world, world.a);
  talker.with_audio = false;
  bool lossy = false;
  const auto carry = [&] {
    talker();
    for (size_t i = 0; i < world.a.rtp_sent.size(); ++i)
      if (!lossy || i % 3 != 1) world.b.receive(world.a.rtp_sent[i]);
    world.a.rtp_sent.clear();
  };
  world.run(3s, carry);
  EXPECT_EQ(world.a.keyframe_requests, 0);
  const size_t whole = world.b.video.size();
  lossy = true;
  world.run(3s, carry);
  EXPECT_LE(world.b.video.size(), whole + 1);
  EXPECT_GE(world.a.keyframe_requests, 3);
  lossy = false;
  world.run(1s, carry);
  EXPECT_GE(world.b.video.size(), whole + 15) << "it goes on";
}

}  // namespace
}  // namespace partyline::rtp::test
