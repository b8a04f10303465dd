// A publisher of one size: what it is told of its players' wishes.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/counters.hpp"
#include "tests/sfu/layers.hpp"

namespace partyline::sfu {
namespace {

using namespace std::chrono_literals;
using core::Codec;
using core::TimePoint;
using test::Peer;
namespace rtcp = rtp::rtcp;

/// A publisher of one layer that takes REMB, and players.
struct SingleLayer : testing::Test {
  SingleLayer() {
    PublisherFormats formats;
    formats.video.emplace();
    formats.video->codec = Codec::vp8;
    formats.video->payload_type = 96;
    formats.video->pli = formats.video->remb = true;
    router.set_publisher(formats, publisher, now);
    wanted.video = {{Codec::vp8, 97, 0}};
    wanted.video_ssrc = 0x99;
  }
  /// All limits that the publisher is told in a second and a half.
  std::vector<uint64_t> told() {
    publisher.rtcp.clear();
    for (int i = 0; i < 60; ++i, now += 25ms) {
      std::array<uint8_t, 200> room;
      rtp::PacketWriter writer(room, {true, 96, {sequence++}, {sequence * 2250u}, 0x10});
      const std::vector<uint8_t> payload{0x10, 0, 0, 0};
      writer.append(payload);
      router.receive_from_publisher(core::Buffer::copy_of(writer.packet()), now);
      router.tick(now);
    }
    std::vector<uint64_t> limits;
    for (const auto& bytes : publisher.rtcp)
      for (rtcp::Reader reader(bytes); const auto block = reader.next();)
        if (const auto remb = rtcp::parse_remb(*block)) limits.push_back(remb->bits_per_second);
    return limits;
  }
  std::optional<uint64_t> last_told() {
    const auto limits = told();
    return limits.empty() ? std::nullopt : std::optional(limits.back());
  }
  void wish(StreamRouter::PlayerId id, uint64_t bits, int times = 1) {
    std::array<uint8_t, 1200> room;
    rtcp::Writer writer(room);
    for (int i = 0; i < times; ++i) writer.tmmbr(1, {0x99, bits, 40});
    router.receive_rtcp_from_player(id, writer.packet(), now);
  }
  TimePoint now{1000h};
  StreamRouter router;
  Peer publisher, first, second;
  PlayerFormats wanted;
  uint16_t sequence = 1;
};

TEST_F(SingleLayer, its_publisher_is_told_what_the_most_demanding_player_has_a_use_for) {
  const auto a = router.add_player(wanted, first, now), b = router.add_player(wanted, second, now);
  EXPECT_FALSE(last_told());
  wish(a, 256'000);
  EXPECT_FALSE(last_told()) << "the other one may want everything";
  wish(b, 512'000);
  EXPECT_EQ(last_told(), 512'000u);
  EXPECT_EQ(first.owners_told(), (std::vector<uint32_t>{1}));
  router.remove_player(b);
  EXPECT_EQ(last_told(), 256'000u);
  router.add_player(wanted, second, now);
  EXPECT_GE(last_told().value_or(0), 9'000'000u) << "lifted again";
}

TEST_F(SingleLayer, a_player_that_cannot_see_it_wants_nothing_of_it) {
  wish(router.add_player(wanted, first, now), 256'000);
  wanted.video = {{Codec::h264, 97, 1}};
  router.add_player(wanted, second, now);
  EXPECT_EQ(last_told(), 256'000u);
}

TEST_F(SingleLayer, that_a_limit_is_lifted_is_said_five_times) {
  const auto a = router.add_player(wanted, first, now);
  wish(a, 256'000);
  EXPECT_EQ(last_told(), 256'000u);
  wish(a, 10'000'000);
  std::vector<uint64_t> limits;
  for (int i = 0; i < 10; ++i)
    for (const uint64_t limit : told())
      if (limit > 9'000'000) limits.push_back(limit);
  EXPECT_EQ(limits.size(), 5u) << "one alone may be lost";
}

TEST_F(SingleLayer, a_packet_full_of_wishes_is_answered_once_and_not_read_for_ever) {
  const core::Counter& cut = core::counter("partyline_sfu_dropped_total", "reason=\"rtcp_too_long\"");
  const auto a = router.add_player(wanted, first, now);
  wish(a, 256'000, 30);
  EXPECT_EQ(first.owners_told().size(), 1u);
  const uint64_t before = cut.value();
  wish(a, 512'000, 50);
  EXPECT_EQ(cut.value(), before + 1);
  EXPECT_EQ(first.owners_told().size(), 2u);
}

TEST_F(SingleLayer, nobody_pauses_it_for_it_may_take_no_limit_at_all_for_that) {
  wish(router.add_player(wanted, first, now), 0);
  const auto limits = told();
  ASSERT_FALSE(limits.empty());
  EXPECT_LE(limits.size(), 2u) << "not with every choice";
  EXPECT_EQ(limits.back(), 64'000u);
}

TEST_F(SingleLayer, that_has_nothing_to_send_for_a_while_is_asked_for_a_keyframe_all_the_same) {
  told();
  for (int i = 0; i < 80; ++i, now += 25ms) router.tick(now);
  publisher.rtcp.clear();
  router.add_player(wanted, first, now);
  router.tick(now);
  EXPECT_EQ(publisher.plis().size(), 1u);
}

}  // namespace
}  // namespace partyline::sfu
