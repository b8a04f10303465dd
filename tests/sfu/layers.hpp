// A publisher of three VP8 layers and one player at a router, in virtual time; the player may be behind a narrow path.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rtp/packet.hpp"
#include "sfu/reception.hpp"
#include "sfu/stream_router.hpp"
#include "tests/support/fake_link.hpp"

namespace partyline::sfu::test {

using namespace std::chrono_literals;
using core::Codec;
using core::TimePoint;
namespace rtcp = rtp::rtcp;

struct Peer final : PacketOut {
  void send_rtp(std::span<const uint8_t> packet) override { rtp.emplace_back(packet.begin(), packet.end()); }
  void send_rtcp(std::span<const uint8_t> packet) override { rtcp.emplace_back(packet.begin(), packet.end()); }
  std::vector<uint32_t> plis() const {
    std::vector<uint32_t> ssrcs;
    for (const auto& bytes : rtcp)
      for (rtcp::Reader reader(bytes); const auto block = reader.next();)
        if (const auto pli = rtcp::parse_pli(*block)) ssrcs.push_back(pli->media_ssrc);
    return ssrcs;
  }
  /// Who is told by TMMBN that its bound is taken.
  std::vector<uint32_t> owners_told() const {
    std::vector<uint32_t> ssrcs;
    for (const auto& bytes : rtcp)
      for (rtcp::Reader reader(bytes); const auto block = reader.next();)
        if (const auto answer = rtcp::parse_tmmbn(*block))
          for (const auto& entry : answer->entries) ssrcs.push_back(entry.ssrc);
    return ssrcs;
  }
  std::vector<std::vector<uint8_t>> rtp, rtcp;
};

struct Layers : testing::Test {
  static constexpr uint8_t kType = 96, kNumbers = 3;
  Layers() { begin({"h", "m", "l"}, 0); }
  void begin(std::vector<std::string> rids, uint8_t transport_cc, bool on_demand = false) {
    PublisherFormats formats;
    formats.video.emplace();
    formats.video->codec = Codec::vp8;
    formats.video->payload_type = kType;
    formats.video->nack = formats.video->pli = formats.video->remb = true;
    formats.video->simulcast = {std::move(rids), 10, 11};
    formats.video->tmmbr = on_demand;
    if (on_demand) formats.video->simulcast.promises = {{900e3, 900e3}, {450e3, 400e3}, {150e3, 150e3}};
    formats.video->rtx_payload_type = 100;
    router.set_publisher(formats, publisher, now);
    PlayerFormats wanted;
    wanted.video = {{Codec::vp8, 97, 0}};
    wanted.video_ssrc = 0x99;
    if (transport_cc != 0) wanted.video[0].rtx_payload_type = 98;
    wanted.video_rtx_ssrc = 0x98;
    wanted.video_transport_cc = transport_cc;
    player_id = router.add_player(wanted, player, now);
  }
  /// One packet of layer `index`, which its last byte names.
  void send(size_t index, bool key, bool begins, bool ends) {
    Sender& s = senders[index];
    if (begins) {
      s.time = static_cast<uint32_t>(1000 * (index + 1)) + static_cast<uint32_t>((now - TimePoint(1000h)) / 1ms) * 90;
      ++s.picture;
    }
    std::array<uint8_t, 1500> room;
    rtp::PacketWriter writer(room, {ends, kType, {s.sequence++}, {s.time}, 0x10 + static_cast<uint32_t>(index)});
    const std::string rid = std::string(1, "hml"[index]);
    if (s.packets++ < 20) writer.add_extension(10, {reinterpret_cast<const uint8_t*>(rid.data()), 1});
    std::vector<uint8_t> payload{static_cast<uint8_t>(begins ? 0x90 : 0x80), 0x80,
                                 static_cast<uint8_t>(0x80 | s.picture >> 8), static_cast<uint8_t>(s.picture),
                                 static_cast<uint8_t>(key ? 0 : 1)};
    payload.resize(s.bytes, static_cast<uint8_t>(index));
    writer.append(payload);
    router.receive_from_publisher(core::Buffer::copy_of(writer.packet()), now);
  }
  /// 40 pictures a second of two packets each; a keyframe where it is asked for.
  void run(core::Duration duration) {
    for (const auto end = now + duration; now < end; now += 25ms) {
      const auto asked = publisher.plis();
      for (const uint32_t ssrc : asked) ++keyframes_asked[ssrc - 0x10];
      read_orders();
      publisher.rtcp.clear();
      for (size_t i = 0; i < 3; ++i) {
        if (!senders[i].sending) continue;
        const bool key = senders[i].packets == 0 || std::ranges::find(asked, 0x10 + i) != asked.end();
        send(i, key, true, false);
        send(i, key, false, true);
      }
      if (!path) router.tick(now);
      if (path) run_path();
    }
  }
  /// 25 ms, tick by tick, with the player behind `path`.
  void run_path() {
    auto next = now;
    for (auto at = now; at < now + 25ms; at += 1ms) {
      if (at >= next) {
        const auto pause = router.tick(at);
        fast_ticks += pause == StreamRouter::kProbingTick;
        next = at + pause;
      }
      for (const auto& packet : player.rtp) path->send(packet, at);
      player.rtp.clear();
      path->deliver(at, [&](auto packet, TimePoint) { arrive(packet, at); });
      if (at - last_feedback < 50ms) continue;
      last_feedback = at;
      rtcp::TransportFeedback feedback;
      if (!arrivals.take(feedback)) continue;
      feedback.sender_ssrc = 1;
      std::array<uint8_t, 1200> room;
      rtcp::Writer writer(room);
      writer.transport_feedback(feedback);
      next = std::min(next, at + router.receive_rtcp_from_player(player_id, writer.packet(), at));
    }
  }
  void arrive(std::span<const uint8_t> packet, TimePoint at) {
    const auto view = rtp::parse_packet(packet);
    ASSERT_TRUE(view);
    const auto number = view->transport_sequence(kNumbers);
    ASSERT_TRUE(number);
    arrivals.receive(*number, at);
    if (arrivals.full()) ADD_FAILURE() << "feedback comes often enough";
    if (view->ssrc == 0x99) {
      arrived.push_back(view->payload.back());
      last_sequence = view->sequence.value;
    }
    padding += view->ssrc != 0x99 && view->payload.empty();
  }
  void wish(uint64_t bits) {
    std::array<uint8_t, 200> room;
    rtcp::Writer writer(room);
    writer.tmmbr(1, {0x99, bits, 40});
    router.receive_rtcp_from_player(player_id, writer.packet(), now);
  }
  /// What the publisher was told of each layer since the last call: true: to send it.
  std::map<uint32_t, bool> orders() {
    std::map<uint32_t, bool> result;
    for (; orders_read < ordered.size(); ++orders_read)
      result[ordered[orders_read].first] = ordered[orders_read].second;
    return result;
  }
  void read_orders() {
    for (const auto& bytes : publisher.rtcp)
      for (rtcp::Reader reader(bytes); const auto block = reader.next();)
        if (const auto tmmbr = rtcp::parse_tmmbr(*block))
          for (const auto& entry : tmmbr->entries) {
            ordered.emplace_back(entry.ssrc - 0x10, entry.bits_per_second > 0);
            if (obeys && refuses != entry.ssrc - 0x10) senders[entry.ssrc - 0x10].sending = entry.bits_per_second > 0;
          }
  }
  int last_layer() const { return player.rtp.empty() ? -1 : player.rtp.back().back(); }
  /// Numbers without a gap, time that never runs back, whole pictures only, picture ids one by one.
  void expect_seamless() const {
    std::optional<rtp::PacketView> before;
    std::optional<uint16_t> picture;
    bool open = false;
    for (const auto& bytes : player.rtp) {
      const auto view = rtp::parse_packet(bytes);
      ASSERT_TRUE(view);
      const auto number = picture_numbers(view->payload).picture;
      const bool begins = (view->payload[0] & 0x10) != 0;
      if (before) {
        EXPECT_EQ(static_cast<uint16_t>(view->sequence.value - before->sequence.value), 1);
        EXPECT_GE(static_cast<int32_t>(view->timestamp.value - before->timestamp.value), begins ? 1 : 0);
        EXPECT_NE(begins, open) << "a picture begins when the one before has ended";
        EXPECT_EQ(number, begins ? ((*picture + 1) & 0x7FFF) : *picture);
      }
      open = !view->marker;
      picture = number;
      before = view;
    }
  }

  struct Sender {
    uint16_t sequence, picture;
    size_t bytes;
    bool sending = true;
    uint32_t time = 0;
    int packets = 0;
  };
  // Two packets 40 times a second: 768, 384 and 128 kbit/s.
  std::array<Sender, 3> senders{Sender{65500, 0x7FF0, 1200}, Sender{7, 3, 600}, Sender{32760, 0x1000, 200}};
  TimePoint now{1000h};
  StreamRouter router;
  Peer publisher, player;
  StreamRouter::PlayerId player_id = 0;
  // Behind a path.
  std::optional<partyline::test::FakeLink> path;
  ArrivalLog arrivals;
  TimePoint last_feedback{};
  std::vector<int> arrived;    ///< the layers of packets
  uint16_t last_sequence = 0;  // of video that arrived
  int padding = 0, fast_ticks = 0;
  std::map<uint32_t, int> keyframes_asked;  ///< by layer
  // TMMBR to the publisher: layer, and whether it is to be sent.
  std::vector<std::pair<uint32_t, bool>> ordered;
  size_t orders_read = 0;
  bool obeys = true;
  std::optional<uint32_t> refuses;  ///< the layer that it does not send whatever it is told, as on a narrow path
};

}  // namespace partyline::sfu::test
