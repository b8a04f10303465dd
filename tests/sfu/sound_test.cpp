// Sound through the router over paths that lose packets: RED and NACK on both sides, packet by packet and over
// simulated links.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "rtp/payload/red.hpp"
#include "sfu/stream_router.hpp"
#include "tests/rtp/session_world.hpp"

namespace partyline::sfu {
namespace {

using namespace std::chrono_literals;
using core::Codec;
using core::TimePoint;
namespace rtcp = rtp::rtcp;

constexpr uint8_t kOpus = 111, kRed = 63, kPlayerOpus = 96, kPlayerRed = 97;
constexpr uint32_t kSource = 0xA0, kPlayer = 0x1A;

struct Wire final : PacketOut {
  void send_rtp(std::span<const uint8_t> packet) override { rtp.emplace_back(packet.begin(), packet.end()); }
  void send_rtcp(std::span<const uint8_t> packet) override { rtcp.emplace_back(packet.begin(), packet.end()); }
  std::vector<rtp::PacketView> packets() const {
    std::vector<rtp::PacketView> result;
    for (const auto& bytes : rtp) result.push_back(rtp::parse_packet(bytes).value());
    return result;
  }
  /// The last byte of each packet: what names it.
  std::vector<int> names() const {
    std::vector<int> result;
    for (const auto& view : packets()) result.push_back(view.payload.back());
    return result;
  }
  std::vector<uint16_t> asked() const {
    std::vector<uint16_t> result;
    for (const auto& bytes : rtcp)
      for (rtcp::Reader reader(bytes); const auto block = reader.next();)
        if (const auto nack = rtcp::parse_nack(*block))
          for (const auto each : nack->sequences) result.push_back(each.value);
    return result;
  }
  double last_loss() const {
    double result = -1;
    for (const auto& bytes : rtcp)
      for (rtcp::Reader reader(bytes); const auto block = reader.next();)
        if (const auto report = rtcp::parse_receiver_report(*block))
          for (const auto& each : report->reports) result = each.fraction_lost / 256.0;
    return result;
  }
  std::vector<std::vector<uint8_t>> rtp, rtcp;
};

PublisherFormats publisher_formats(bool nack = true) {
  PublisherFormats formats;
  formats.audio.emplace();
  formats.audio->payload_type = kOpus;
  formats.audio->nack = nack;
  formats.audio->red_payload_type = kRed;
  return formats;
}

PlayerFormats player_formats(bool red) {
  PlayerFormats formats;
  formats.audio = {{Codec::opus, kPlayerOpus, 0}};
  if (red) formats.audio[0].red_payload_type = kPlayerRed;
  formats.audio_ssrc = kPlayer;
  return formats;
}

struct Sound : testing::Test {
  Sound() { router.set_publisher(publisher_formats(), publisher, now); }
  StreamRouter::PlayerId join(Wire& wire, bool red) { return router.add_player(player_formats(red), wire, now); }
  void receive(uint8_t type, uint16_t sequence, std::vector<uint8_t> payload) {
    std::array<uint8_t, 500> room;
    rtp::PacketWriter writer(
        room, {false, type, {sequence}, {static_cast<uint32_t>(960 * static_cast<int16_t>(sequence))}, kSource});
    writer.append(payload);
    router.receive_from_publisher(core::Buffer::copy_of(writer.packet()), now);
  }
  void plain(uint16_t sequence) { receive(kOpus, sequence, {0, static_cast<uint8_t>(sequence)}); }
  /// Packet `sequence` behind the `copies` before it.
  void red(uint16_t sequence, int copies) {
    std::vector<uint8_t> payload;
    for (int i = copies; i > 0; --i) {
      const auto header = rtp::red_header(kOpus, static_cast<uint32_t>(i) * 960, 2);
      payload.insert(payload.end(), header.begin(), header.end());
    }
    payload.push_back(kOpus);
    for (int i = copies; i >= 0; --i) payload.insert(payload.end(), {0, static_cast<uint8_t>(sequence - i)});
    receive(kRed, sequence, payload);
  }
  void report(StreamRouter::PlayerId id, double lost) {
    rtcp::ReceiverReport report;
    report.ssrc = 5;
    rtcp::ReportBlock block;
    block.ssrc = kPlayer;
    block.fraction_lost = static_cast<uint8_t>(lost * 256);
    report.reports.push(block);
    std::array<uint8_t, 200> room;
    rtcp::Writer writer(room);
    writer.receiver_report(report);
    router.receive_rtcp_from_player(id, writer.packet(), now);
  }
  void wait(core::Duration time) {
    for (const TimePoint end = now + time; now < end; now += 20ms) router.tick(now);
  }

  TimePoint now{1000h};
  StreamRouter router;
  Wire publisher, player;
};

TEST_F(Sound, InRedIsUnwrappedAndWhatIsMissingIsFoundInIt) {
  join(player, false);
  red(65533, 0);
  red(65534, 1);
  red(1, 2);  // 65535 and 0 were lost
  const auto packets = player.packets();
  ASSERT_EQ(player.names(), (std::vector<int>{0xFD, 0xFE, 0xFF, 0, 1}));
  for (size_t i = 0; i < packets.size(); ++i) {
    EXPECT_EQ(packets[i].payload_type, kPlayerOpus);
    EXPECT_EQ(packets[i].payload.size(), 2u);
    EXPECT_EQ(static_cast<uint16_t>(packets[i].sequence.value - packets[0].sequence.value), i);
    EXPECT_EQ(packets[i].timestamp.value - packets[0].timestamp.value, 960 * i);
  }
  EXPECT_TRUE(publisher.asked().empty());
  plain(65535);  // was only late
  EXPECT_EQ(player.names().size(), 5u);
}

TEST_F(Sound, ThatIsRepeatedTwoPacketsLaterIsPutWhereItBelongs) {
  join(player, false);
  // One older block, two packets back, as GStreamer's rtpredenc sends with distance=2.
  const auto distant = [&](uint16_t sequence) {
    std::vector<uint8_t> payload;
    const auto header = rtp::red_header(kOpus, 1920, 2);
    payload.insert(payload.end(), header.begin(), header.end());
    payload.push_back(kOpus);
    for (const int back : {2, 0}) payload.insert(payload.end(), {0, static_cast<uint8_t>(sequence - back)});
    receive(kRed, sequence, payload);
  };
  plain(65531);
  plain(65532);
  for (const uint16_t sequence : {uint16_t{65533}, uint16_t{65534}, uint16_t{1}, uint16_t{2}})
    distant(sequence);  // 65535 and 0 were lost
  const auto packets = player.packets();
  EXPECT_EQ(player.names(), (std::vector<int>{0xFB, 0xFC, 0xFD, 0xFE, 0xFF, 1, 0, 2}));
  for (const auto& packet : packets) {
    const auto after_first = static_cast<uint16_t>(packet.sequence.value - packets[0].sequence.value);
    EXPECT_EQ(packet.timestamp.value - packets[0].timestamp.value, 960u * after_first) << int{packet.payload.back()};
  }
}

TEST_F(Sound, AnotherCodecsBlocksDoNotMoveTheOthers) {
  join(player, false);
  plain(1);
  plain(2);
  std::vector<uint8_t> payload;
  for (const auto& [type, offset] : {std::pair<uint8_t, uint32_t>{kOpus, 960}, {13, 480}}) {
    const auto header = rtp::red_header(type, offset, 2);
    payload.insert(payload.end(), header.begin(), header.end());
  }
  payload.insert(payload.end(), {kOpus, 0, 3, 0, 99, 0, 4});
  receive(kRed, 4, payload);  // 3 was lost
  EXPECT_EQ(player.names(), (std::vector<int>{1, 2, 3, 4}));
}

TEST_F(Sound, ThatIsRedundantCountsInReportsWithAllItsOctets) {
  const auto id = join(player, true);
  plain(0);
  for (int i = 0; i < 5; ++i) report(id, 0.3);
  for (uint16_t sequence = 1; sequence < 10; ++sequence) plain(sequence);
  plain(11);  // behind a gap
  receive(kOpus, 12, std::vector<uint8_t>(200, 12));
  receive(kOpus, 13, std::vector<uint8_t>(200, 13));
  uint32_t sent = 0;
  for (const auto& view : player.packets()) sent += static_cast<uint32_t>(view.payload.size());
  rtcp::SenderReport sender;
  sender.ssrc = kSource;
  sender.ntp.value = uint64_t{1} << 40;
  std::array<uint8_t, 200> room;
  rtcp::Writer writer(room);
  writer.sender_report(sender);
  router.receive_rtcp_from_publisher(writer.packet(), now);
  uint32_t told = 0;
  for (const auto& bytes : player.rtcp)
    for (rtcp::Reader reader(bytes); const auto block = reader.next();)
      if (const auto each = rtcp::parse_sender_report(*block)) told = each->octet_count;
  EXPECT_EQ(told, sent);
}

TEST_F(Sound, ThatIsBrokenRedOrAnothersIsDropped) {
  join(player, true);
  red(7, 0);
  receive(kRed, 8, {0x80 | kOpus, 0, 0});
  receive(kRed, 8, {0x80 | kOpus, 0, 0, 200, kOpus, 1, 2});
  receive(kRed, 8, {13, 1, 2});
  receive(kRed, 8, {});
  EXPECT_EQ(player.names(), std::vector<int>{7});
}

TEST_F(Sound, ThatIsMissingIsAskedForAndPassedOnOnce) {
  join(player, true);
  plain(10);
  now += 60ms;
  plain(13);
  EXPECT_EQ(publisher.asked(), (std::vector<uint16_t>{11, 12}));
  now += 20ms;
  plain(11);
  plain(11);
  EXPECT_EQ(player.names(), (std::vector<int>{10, 13, 11}));
  publisher.rtcp.clear();
  wait(180ms);
  EXPECT_EQ(publisher.asked(), std::vector<uint16_t>{12}) << "asked again once, then it is too late";
  publisher.rtcp.clear();
  wait(1s);
  EXPECT_TRUE(publisher.asked().empty());
}

TEST_F(Sound, ThatAPlayerMissesIsSentAgainUnderItsNumber) {
  const auto id = join(player, true);
  for (uint16_t sequence = 0; sequence < 100; ++sequence) plain(sequence);
  const auto ask = [&](rtp::Seq16 sequence) {
    std::array<uint8_t, 200> room;
    rtcp::Writer writer(room);
    writer.nack({5, kPlayer}, {&sequence, 1});
    router.receive_rtcp_from_player(id, writer.packet(), now);
  };
  const auto first = player.packets().front();
  ask({static_cast<uint16_t>(first.sequence.value + 90)});
  ask(first.sequence);  // more than a second old
  ASSERT_EQ(player.rtp.size(), 101u);
  const auto again = player.packets().back();
  EXPECT_EQ(again.payload.back(), 90);
  EXPECT_EQ(again.sequence, player.packets()[90].sequence);
  EXPECT_EQ(again.timestamp, player.packets()[90].timestamp);
}

TEST_F(Sound, IsRedundantForAPlayerThatLosesItAndKnowsRed) {
  Wire deaf;
  const auto id = join(player, true), other = join(deaf, false);
  plain(0);
  EXPECT_EQ(player.packets().back().payload_type, kPlayerOpus);
  report(id, 0.1);
  report(other, 0.1);
  plain(1);
  plain(2);
  plain(4);  // behind a gap: nothing that may be counted back to
  EXPECT_EQ(deaf.packets().back().payload_type, kPlayerOpus);
  ASSERT_EQ(player.rtp.size(), 4u);
  const auto view = player.packets()[2];
  ASSERT_EQ(view.payload_type, kPlayerRed);
  const auto packet = rtp::parse_red(view.payload);
  ASSERT_TRUE(packet);
  ASSERT_EQ(packet->older_count, 1u);
  EXPECT_EQ(packet->older[0].payload_type, kPlayerOpus);
  EXPECT_EQ(packet->older[0].time_offset, 960);
  EXPECT_EQ(packet->older[0].data.back(), 1);
  EXPECT_EQ(packet->own.data.back(), 2);
  EXPECT_EQ(player.packets().back().payload_type, kPlayerOpus);
  for (int i = 0; i < 5; ++i) report(id, 0.3);
  plain(5);
  plain(6);
  EXPECT_EQ(rtp::parse_red(player.packets().back().payload)->older_count, 2u);
  for (int i = 0; i < 40; ++i) {
    now += 1s;
    report(id, 0);
  }
  plain(7);
  EXPECT_EQ(player.packets().back().payload_type, kPlayerOpus) << "as long as it is needed";
}

TEST_F(Sound, ThatIsAskedForAgainIsLostHoweverWholeTheReportsAre) {
  const auto id = join(player, true);
  for (uint16_t sequence = 0; sequence < 200; ++sequence) {
    now += 20ms;
    plain(sequence);
    if (sequence % 10 != 5) continue;
    const rtp::Seq16 last = player.packets().back().sequence;
    std::array<uint8_t, 200> room;
    rtcp::Writer writer(room);
    writer.nack({5, kPlayer}, {&last, 1});
    for (int twice = 0; twice < 2; ++twice) router.receive_rtcp_from_player(id, writer.packet(), now);
    report(id, 0);
  }
  plain(200);
  ASSERT_EQ(player.packets().back().payload_type, kPlayerRed);
  EXPECT_EQ(rtp::parse_red(player.packets().back().payload)->older_count, 1u) << "each counts once";
}

TEST_F(Sound, ThePublisherIsToldWhatPlayersWithoutRedLose) {
  Wire helped;
  const auto id = join(player, false), other = join(helped, true);
  uint16_t sequence = 0;
  const auto talk = [&](core::Duration time) {
    for (const TimePoint end = now + time; now < end;) {
      plain(sequence++);
      wait(20ms);
    }
  };
  talk(2s);
  EXPECT_EQ(publisher.last_loss(), 0);
  report(id, 0.125);
  report(other, 0.5);
  talk(2s);
  EXPECT_NEAR(publisher.last_loss(), 0.125, 0.01);
  talk(15s);
  EXPECT_EQ(publisher.last_loss(), 0) << "it says nothing any more";
}

// A publisher and a player of our own behind paths that lose a tenth each, and what of the sound is there in time.
struct Path {
  struct Out final : PacketOut {
    explicit Out(test::FakeLink& to, TimePoint& at) : link(to), now(at) {}
    void send_rtp(std::span<const uint8_t> packet) override { link.send(packet, now); }
    void send_rtcp(std::span<const uint8_t> packet) override { link.send(packet, now); }
    test::FakeLink& link;
    TimePoint& now;
  };

  Path(double loss, core::Duration delay, bool nack, bool red) : in(side(loss, delay, 1)), out(side(loss, delay, 2)) {
    auto publishes = rtp::test::audio_track(), plays = publishes;
    plays.receive_formats = {rtp::test::audio_format(Codec::opus, kPlayerOpus)};
    publishes.send_format->nack = publishes.receive_formats[0].nack = plays.receive_formats[0].nack = nack;
    publishes.receiving = plays.sending = false;
    publishes.reduced_size_rtcp = plays.reduced_size_rtcp = publishes.feedback_profile = plays.feedback_profile = true;
    if (red) publishes.red_send = kRed;
    if (red) plays.red = kPlayerRed;
    in.a.make({publishes});
    out.b.make({plays});
    router.set_publisher(publisher_formats(nack), to_publisher, now);
    player = router.add_player(player_formats(red), to_player, now);
  }
  static rtp::test::World side(double loss, core::Duration delay, uint32_t seed) {
    return rtp::test::World({.delay = delay, .loss = loss}, seed);
  }
  /// The share of packets that are not there 80 ms after they could have been.
  double missing(core::Duration time) {
    std::map<int64_t, TimePoint> sent;
    size_t judged = 0;
    std::set<int64_t> in_time;
    const TimePoint begin = now, end = now + time;
    TimePoint tick{}, tick_in{}, tick_out{};
    for (int64_t number = 0; now < end; now += 1ms) {
      in.now = out.now = now;
      if ((now - begin) % 20ms == 0ms) {
        const uint8_t bytes[3] = {1, static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number)};
        in.a.session->send(rtp::test::frame_of(Codec::opus, bytes, number * 960, now), now);
        sent[number++] = now;
      }
      in.a_to_b.deliver(now, [&](auto packet, TimePoint) {
        if (rtp::is_rtcp(packet)) return router.receive_rtcp_from_publisher(packet, now);
        router.receive_from_publisher(core::Buffer::copy_of(packet), now);
      });
      in.b_to_a.deliver(now, [&](auto packet, TimePoint) { in.a.receive(packet); });
      out.a_to_b.deliver(now, [&](auto packet, TimePoint) { out.b.receive(packet); });
      out.b_to_a.deliver(now, [&](auto packet, TimePoint) { router.receive_rtcp_from_player(player, packet, now); });
      if (now >= tick) tick = now + router.tick(now);
      if (now >= tick_in) tick_in = in.a.session->tick(now);
      if (now >= tick_out) tick_out = out.b.session->tick(now);
      for (const auto& frame : out.b.audio) {
        const int64_t which = frame.data[1] << 8 | frame.data[2];
        const auto late = now - sent[which] - in.a_to_b.settings.delay - out.a_to_b.settings.delay;
        if (late <= 80ms) in_time.insert(which);
      }
      out.b.audio.clear();
    }
    // The first seconds go by until it is known what is lost.
    for (const auto& [which, at] : sent) judged += at >= begin + 10s && at < end - 1s;
    const auto there = std::ranges::count_if(
        in_time, [&](int64_t which) { return sent[which] >= begin + 10s && sent[which] < end - 1s; });
    return 1 - static_cast<double>(there) / static_cast<double>(judged);
  }

  TimePoint now{1000h};
  rtp::test::World in, out;
  StreamRouter router;
  Out to_publisher{in.b_to_a, now}, to_player{out.a_to_b, now};
  StreamRouter::PlayerId player = 0;
};

TEST(SoundOverLossyPaths, IsNearlyWholeWhereATenthIsLostOnBoth) {
  const auto missing = [](bool nack, bool red) { return Path(0.1, 20ms, nack, red).missing(60s); };
  const double bare = missing(false, false), nack = missing(true, false), red = missing(false, true),
               both = missing(true, true);
  RecordProperty("per_mille", std::to_string(static_cast<int>(bare * 1000)) + " " +
                                  std::to_string(static_cast<int>(nack * 1000)) + " " +
                                  std::to_string(static_cast<int>(red * 1000)) + " " +
                                  std::to_string(static_cast<int>(both * 1000)));
  EXPECT_GT(bare, 0.15);
  EXPECT_LT(nack, 0.06);
  EXPECT_LT(red, 0.035);
  EXPECT_LT(both, std::min(red, 0.015));
}

}  // namespace
}  // namespace partyline::sfu
