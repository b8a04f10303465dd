// Simulcast: what the SDP says, which layer is chosen, and what a player sees when it changes.
#include "sfu/simulcast.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/counters.hpp"
#include "sfu/answer.hpp"
#include "sfu/picture_size.hpp"
#include "tests/sfu/layers.hpp"

namespace partyline::sfu {
namespace {

using namespace std::chrono_literals;
using core::Codec;
using core::TimePoint;
namespace rtcp = rtp::rtcp;
namespace sdp = rtp::sdp;

sdp::Media offered(std::vector<std::string> attributes) {
  sdp::Media media;
  media.kind = "video";
  media.extensions = {{4, "urn:ietf:params:rtp-hdrext:sdes:mid"},
                      {10, "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"}};
  media.attributes = std::move(attributes);
  return media;
}

TEST(SimulcastSdp, the_layers_that_have_both_lines_are_taken_in_order) {
  const auto simulcast = offered_simulcast(offered(
      {"rid:h send", "rid:m send max-width=640", "rid:l send", "rid:x recv", "simulcast:send h;m,m2;~l;x;ghost"}));
  EXPECT_EQ(simulcast.rids, (std::vector<std::string>{"h", "m", "l"}));
  EXPECT_EQ(simulcast.rid_extension, 10);
  sdp::Media answer;
  accept_simulcast(simulcast, answer);
  EXPECT_EQ(answer.attributes,
            (std::vector<std::string>{"rid:h recv", "rid:m recv", "rid:l recv", "simulcast:recv h;m;l"}));
  ASSERT_EQ(answer.extensions.size(), 1u);
}

TEST(SimulcastSdp, what_is_no_simulcast_is_a_single_source) {
  for (const std::vector<std::string>& lines :
       std::vector<std::vector<std::string>>{{},
                                             {"simulcast:send h"},
                                             {"rid:h send", "simulcast:send h"},
                                             {"rid:h recv", "rid:l recv", "simulcast:recv h;l"},
                                             {"rid:h send", "rid:l send"},
                                             {"rid:h send", "rid:l send", "simulcast:"},
                                             {"rid:h send", "rid:l send", "simulcast:send"},
                                             {"rid:h send", "simulcast:send h;;;;~;,;h"},
                                             {"rid:a b send", "rid:\x01 send", "simulcast:send a b;\x01"}}) {
    EXPECT_TRUE(offered_simulcast(offered(lines)).rids.empty());
  }
  auto nameless = offered({"rid:h send", "rid:l send", "simulcast:send h;l"});
  nameless.extensions.pop_back();
  EXPECT_TRUE(offered_simulcast(nameless).rids.empty()) << "without rtp-stream-id the layers cannot be told apart";
}

struct Choosing : testing::Test {
  std::vector<LayerChoice::Layer> layers{{1.5e6, 0, true}, {500e3, 0, true}, {150e3, 0, true}};
  LayerChoice choice;
  std::optional<double> path;
  TimePoint now{1000h};
  size_t choose(std::optional<double> wish, core::Duration later = 3s) {
    now += later;
    return choice.choose(layers, wish, path, now);
  }
};
using LayerChoiceTest = Choosing;

TEST_F(LayerChoiceTest, it_is_the_one_that_just_covers_the_wish) {
  EXPECT_EQ(choose(std::nullopt), 0u);
  EXPECT_EQ(choose(2.1e6), 0u);
  EXPECT_EQ(choose(740e3), 1u);
  EXPECT_EQ(choose(260e3), 2u);
  EXPECT_EQ(choose(64e3), 2u) << "nothing fits: the smallest";
  EXPECT_EQ(choose(2.1e6), 0u);
}

TEST_F(LayerChoiceTest, a_still_picture_that_costs_little_is_taken_no_larger_than_it_is_shown) {
  layers = {{90e3, 2.1e6, true}, {50e3, 740e3, true}, {20e3, 260e3, true}};
  EXPECT_EQ(choose(2.1e6), 0u);
  EXPECT_EQ(choose(740e3), 1u);
  EXPECT_EQ(choose(400e3), 1u) << "the smallest would be stretched";
  EXPECT_EQ(choose(260e3), 2u);
  EXPECT_EQ(choose(10e6), 0u);
}

TEST_F(LayerChoiceTest, the_largest_is_told_by_its_size_and_not_by_its_bits) {
  layers = {{160e3, 2.1e6, true}, {90e3, 740e3, true}, {240e3, 260e3, true}};
  EXPECT_EQ(choose(2.1e6), 0u);
  EXPECT_EQ(choose(std::nullopt), 0u);
}

TEST(PictureSize, is_read_from_keyframes_of_both_codecs) {
  const std::vector<uint8_t> vp8{0x90, 0x80, 0x92, 0x34, 0x10, 0, 0, 0x9D, 0x01, 0x2A, 0x80, 0x02, 0x68, 0x01, 1};
  EXPECT_EQ(picture_size(Codec::vp8, vp8), (core::VideoSize{640, 360}));
  // x264's baseline SPS of 640x368 macroblocks, alone and behind nothing in a STAP-A.
  const std::vector<uint8_t> sps{0x67, 0x42, 0xC0, 0x1E, 0xD9, 0x00, 0xA0, 0x2F, 0xF9, 0x70, 0x11};
  EXPECT_EQ(picture_size(Codec::h264, sps), (core::VideoSize{640, 368}));
  std::vector<uint8_t> stap{0x78, 0, static_cast<uint8_t>(sps.size())};
  stap.insert(stap.end(), sps.begin(), sps.end());
  EXPECT_EQ(picture_size(Codec::h264, stap), (core::VideoSize{640, 368}));
  for (const auto& [codec, whole] : {std::pair{Codec::vp8, vp8}, {Codec::h264, sps}, {Codec::h264, stap}})
    for (size_t size = 0; size < 8; ++size) EXPECT_FALSE(picture_size(codec, std::span(whole).first(size))) << size;
}

TEST_F(LayerChoiceTest, a_narrow_path_counts_whatever_is_wished_for) {
  path = 600e3;
  EXPECT_EQ(choose(2.1e6), 1u);
  EXPECT_EQ(choose(std::nullopt), 1u);
  path = 100e3;
  EXPECT_EQ(choose(std::nullopt), 2u);
}

TEST_F(LayerChoiceTest, a_layer_that_ceases_is_left_at_once_and_taken_again_later) {
  EXPECT_EQ(choose(2.1e6), 0u);
  layers[0].active = false;
  EXPECT_EQ(choose(2.1e6, 20ms), 1u);
  layers[0].active = true;
  EXPECT_EQ(choose(2.1e6, 500ms), 1u);
  EXPECT_EQ(choose(2.1e6, 2s), 0u);
}

TEST_F(LayerChoiceTest, bitrates_that_waver_do_not_make_it_flap) {
  choose(740e3);
  size_t changes = 0, last = choice.chosen();
  for (int i = 0; i < 600; ++i) {
    layers[1].bits_per_second = i % 2 ? 880e3 : 990e3;  // around 1.25 × the wish
    changes += choose(740e3, 200ms) != last;
    last = choice.chosen();
  }
  EXPECT_EQ(changes, 0u);
}

TEST(PictureNumbers, are_found_and_made_continuous_over_sources) {
  const std::vector<uint8_t> wide{0x90, 0xC0, 0x80 | 0x12, 0x34, 0x07, 0xAA}, narrow{0x90, 0x80, 0x7F, 0xAA};
  const auto numbers = picture_numbers(wide);
  EXPECT_EQ(numbers.picture, 0x1234);
  EXPECT_EQ(numbers.base, 0x07);
  EXPECT_EQ(picture_numbers(narrow).picture, 0x7F);
  for (size_t size = 0; size < 5; ++size) {
    const auto cut = picture_numbers(std::span(wide).first(size));
    EXPECT_TRUE(cut.picture_at < std::max<size_t>(size, 1)) << size;
  }
  PictureRenumbering renumbering;
  uint16_t before = 0;
  for (int source = 0; source < 3; ++source) {
    const uint16_t start = source == 1 ? 0x7FFE : 0x100;
    for (uint16_t i = 0; i < 4; ++i) {
      const auto picture = static_cast<uint16_t>((start + i) & 0x7FFF);
      std::vector<uint8_t> payload{0x90, 0x80, static_cast<uint8_t>(0x80 | picture >> 8), static_cast<uint8_t>(picture),
                                   1};
      const auto found = picture_numbers(payload);
      if (i == 0) renumbering.follow(found);
      renumbering.apply(found, payload, true);
      const uint16_t written = picture_numbers(payload).picture;
      EXPECT_EQ(written, (before + 1) & 0x7FFF);
      before = written;
    }
  }
}

using test::Layers;
using test::Peer;
using SimulcastRouter = Layers;

TEST_F(SimulcastRouter, each_wish_gets_its_layer_without_a_seam) {
  run(2s);
  EXPECT_EQ(last_layer(), 0);
  for (const auto& [bits, layer] :
       std::vector<std::pair<uint64_t, int>>{{450'000, 1}, {150'000, 2}, {2'000'000, 0}, {480'000, 1}}) {
    wish(bits);
    run(3s);
    EXPECT_EQ(last_layer(), layer) << bits;
  }
  expect_seamless();
}

TEST_F(SimulcastRouter, an_estimate_counts_only_when_it_falls_while_much_is_sent) {
  const auto estimate = [&](uint64_t bits) {
    std::array<uint8_t, 200> room;
    rtcp::Writer writer(room);
    const uint32_t ssrc = 0x99;
    writer.remb(1, bits, {&ssrc, 1});
    router.receive_rtcp_from_player(player_id, writer.packet(), now);
  };
  run(3s);
  estimate(2'000'000);
  run(3s);
  EXPECT_EQ(last_layer(), 0);
  estimate(1'900'000);
  run(1s);
  EXPECT_EQ(last_layer(), 0);
  estimate(450'000);
  run(3s);
  EXPECT_EQ(last_layer(), 1);
  expect_seamless();
}

TEST_F(SimulcastRouter, keyframes_are_asked_of_the_layer_that_is_wanted_and_of_no_other) {
  run(2s);
  publisher.rtcp.clear();
  wish(150'000);
  for (int i = 0; i < 60 && last_layer() != 2; ++i) {
    router.tick(now);
    for (const uint32_t ssrc : publisher.plis()) EXPECT_EQ(ssrc, 0x12u);
    run(25ms);
  }
  EXPECT_EQ(last_layer(), 2);
}

TEST_F(SimulcastRouter, a_change_waits_for_the_end_of_the_picture_under_way) {
  run(2s);
  wish(150'000);
  router.tick(now);
  ASSERT_EQ(last_layer(), 0);
  send(0, false, true, false);
  send(2, true, true, false);  // its keyframe begins in the middle of the other's picture
  send(2, true, false, true);
  EXPECT_EQ(last_layer(), 0);
  send(0, false, false, true);
  EXPECT_EQ(last_layer(), 2);
  now += 25ms;
  run(500ms);
  expect_seamless();
}

TEST_F(SimulcastRouter, when_the_sender_drops_the_large_layer_the_player_sees_the_next_one) {
  run(2s);
  senders[0].sending = false;
  run(2500ms);
  EXPECT_EQ(last_layer(), 1);
  senders[0].sending = true;
  run(4s);
  EXPECT_EQ(last_layer(), 0);
  expect_seamless();
}

TEST_F(SimulcastRouter, a_layer_that_comes_back_is_not_taken_for_a_small_one) {
  run(2s);
  wish(350'000);  // the middle one has 384 kbit/s, the large one 768
  run(3s);
  ASSERT_EQ(last_layer(), 1);
  senders[0].sending = false;
  run(6s);
  senders[0].sending = true;
  for (int i = 0; i < 20; ++i) {
    run(250ms);
    EXPECT_EQ(last_layer(), 1);
  }
  expect_seamless();
}

TEST_F(SimulcastRouter, a_repetition_closes_the_gap_of_the_layer_it_names) {
  run(1s);
  const size_t before = player.rtp.size();
  Sender& s = senders[0];
  const uint16_t lost = s.sequence++;
  s.time += 2250;
  ++s.picture;
  senders[0].sending = true;
  // The second packet of the picture comes, the first one only as RTX.
  send(0, false, false, true);
  ASSERT_EQ(player.rtp.size(), before + 1);
  std::array<uint8_t, 1500> room;
  rtp::PacketWriter writer(room, {false, 100, {1}, {s.time}, 0x70});
  const char rid = 'h';
  writer.add_extension(11, {reinterpret_cast<const uint8_t*>(&rid), 1});
  const std::vector<uint8_t> payload{static_cast<uint8_t>(lost >> 8),
                                     static_cast<uint8_t>(lost),
                                     0x90,
                                     0x80,
                                     static_cast<uint8_t>(0x80 | s.picture >> 8),
                                     static_cast<uint8_t>(s.picture),
                                     1,
                                     0};
  writer.append(payload);
  router.receive_from_publisher(core::Buffer::copy_of(writer.packet()), now);
  ASSERT_EQ(player.rtp.size(), before + 2);
  const auto last = rtp::parse_packet(player.rtp[before + 1]), gap = rtp::parse_packet(player.rtp[before]);
  EXPECT_EQ(static_cast<uint16_t>(last->sequence.value + 1), gap->sequence.value);
}

TEST_F(SimulcastRouter, what_the_player_misses_is_sent_again_from_its_layer) {
  run(2s);
  wish(500'000);
  run(3s);
  const auto lost = player.rtp[player.rtp.size() - 5];
  const auto view = rtp::parse_packet(lost);
  std::array<uint8_t, 200> room;
  rtcp::Writer writer(room);
  const std::vector<rtp::Seq16> missing{view->sequence};
  writer.nack({1, 0x99}, missing);
  const size_t before = player.rtp.size();
  router.receive_rtcp_from_player(player_id, writer.packet(), now);
  ASSERT_EQ(player.rtp.size(), before + 1);
  EXPECT_EQ(player.rtp.back(), lost);
}

using Orders = std::map<uint32_t, bool>;

TEST_F(SimulcastRouter, layers_that_no_player_needs_are_stopped_at_their_source) {
  router.remove_player(player_id);
  begin({"h", "m", "l"}, 0, true);
  run(1s);
  EXPECT_EQ(orders(), (Orders{{1, false}, {2, false}}));
  EXPECT_EQ(last_layer(), 0);
  run(5s);
  EXPECT_EQ(orders(), Orders{}) << "once is enough";
  wish(400'000);
  run(2s);
  EXPECT_EQ(orders(), (Orders{{1, true}}));
  EXPECT_EQ(last_layer(), 1);
  run(4s);
  EXPECT_EQ(orders(), (Orders{{0, false}}));
  wish(2'000'000);
  run(2s);
  EXPECT_EQ(orders(), (Orders{{0, true}}));
  EXPECT_EQ(last_layer(), 0);
  expect_seamless();
}

TEST_F(SimulcastRouter, an_order_that_is_not_heard_is_repeated) {
  router.remove_player(player_id);
  begin({"h", "m", "l"}, 0, true);
  obeys = false;
  run(5s);
  EXPECT_GE(ordered.size(), 8u);
  EXPECT_EQ(orders(), (Orders{{1, false}, {2, false}}));
}

TEST_F(SimulcastRouter, a_publisher_that_promises_nothing_is_ordered_nothing) {
  run(5s);
  EXPECT_EQ(orders(), Orders{});
}

/// A publisher of one layer that takes REMB, and players.
struct SingleLayer : testing::Test {
  SingleLayer() {
    PublisherFormats formats;
    formats.video.emplace();
    formats.video->codec = Codec::vp8;
    formats.video->payload_type = 96;
    formats.video->remb = true;
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

TEST_F(SimulcastRouter, a_player_that_cannot_see_it_wants_no_layer_and_no_keyframe) {
  router.remove_player(player_id);
  begin({"h", "m", "l"}, 0, true);
  wish(150'000);
  PlayerFormats deaf;
  deaf.audio = {{Codec::opus, 111, 0}};
  deaf.video_ssrc = 0x99;
  Peer listener;
  const auto id = router.add_player(deaf, listener, now);
  run(6s);
  EXPECT_EQ(last_layer(), 2);
  EXPECT_EQ(orders(), (Orders{{0, false}, {1, false}})) << "nobody sees the large ones";
  keyframes_asked.clear();
  std::array<uint8_t, 200> room;
  rtcp::Writer writer(room);
  writer.pli({1, 0x99});
  router.receive_rtcp_from_player(id, writer.packet(), now);
  run(10s);
  EXPECT_TRUE(keyframes_asked.empty());
}

TEST_F(SimulcastRouter, a_player_that_joins_needs_a_keyframe_of_its_layer_alone) {
  run(2s);
  keyframes_asked.clear();
  PlayerFormats wanted;
  wanted.video = {{Codec::vp8, 97, 0}};
  wanted.video_ssrc = 0x9A;
  Peer another;
  const auto id = router.add_player(wanted, another, now);
  run(2s);
  EXPECT_EQ(keyframes_asked.size(), 1u);
  EXPECT_EQ(keyframes_asked[0], 1);
  // One that leaves before its keyframe has come takes the wish along.
  std::array<uint8_t, 200> room;
  rtcp::Writer writer(room);
  writer.tmmbr(1, {0x9A, 150'000, 40});
  router.receive_rtcp_from_player(id, writer.packet(), now);
  router.tick(now);
  EXPECT_EQ(publisher.plis(), std::vector<uint32_t>{0x12});
  router.remove_player(id);
  publisher.rtcp.clear();
  keyframes_asked.clear();
  run(3s);
  EXPECT_EQ(keyframes_asked.size(), 0u);
}

TEST_F(SimulcastRouter, a_lost_layer_that_nobody_sees_needs_no_keyframe) {
  run(2s);
  wish(150'000);
  run(3s);
  keyframes_asked.clear();
  senders[0].sequence += 400;  // more than can be repaired
  run(2s);
  EXPECT_EQ(last_layer(), 2);
  EXPECT_TRUE(keyframes_asked.empty());
}

TEST_F(SimulcastRouter, padding_of_no_layer_is_no_stranger) {
  const core::Counter& strangers = core::counter("partyline_sfu_dropped_total", "reason=\"unknown_ssrc\"");
  const core::Counter& useless = core::counter("partyline_sfu_dropped_total", "reason=\"rtx_useless\"");
  run(1s);
  const uint64_t before = strangers.value(), useless_before = useless.value();
  std::array<uint8_t, 200> room;
  rtp::PacketWriter writer(room, {false, 100, {1}, {5}, 0x77});
  router.receive_from_publisher(core::Buffer::copy_of(writer.packet()), now);
  EXPECT_EQ(strangers.value(), before);
  EXPECT_EQ(useless.value(), useless_before + 1);
}

TEST(SimulcastSdp, what_a_layer_will_be_is_read_from_its_restrictions) {
  rtp::sdp::Media section;
  section.extensions = {{10, "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"}};
  section.attributes = {"rid:h send max-width=1280;max-height=720;max-fps=30;max-br=2000000",
                        "rid:m send max-width=4294967295;max-height=4294967295", "rid:l send pt=96",
                        "simulcast:send h;m;l"};
  const Simulcast offered = offered_simulcast(section);
  ASSERT_EQ(offered.promises.size(), 3u);
  EXPECT_EQ(offered.promises[0].bits, 2e6);
  EXPECT_NEAR(offered.promises[0].worth, 2.1e6, 0.1e6);
  EXPECT_EQ(offered.promises[1].bits, 0);
  EXPECT_EQ(offered.promises[2].worth, 0);
}

TEST(SimulcastAnswer, a_publishers_layers_are_all_taken) {
  const std::string offer =
      "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
      "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=rtcp-mux\r\na=ice-ufrag:abcd\r\n"
      "a=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 "
      "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n"
      "a=setup:actpass\r\na=mid:0\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
      "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"
      "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\na=sendonly\r\n"
      "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 goog-remb\r\n"
      "a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rid:h send\r\na=rid:l send\r\na=simulcast:send h;l\r\n";
  const auto draft = draft_for_publisher(offer, {Codec::vp8});
  ASSERT_TRUE(draft) << draft.error().message;
  ASSERT_TRUE(draft->formats.video);
  EXPECT_EQ(draft->formats.video->simulcast.rids, (std::vector<std::string>{"h", "l"}));
  rtp::IceDescription local;
  local.ufrag = "u";
  local.pwd = "p";
  const std::string answer = write_publish_answer(*draft, local, 1);
  for (const char* line :
       {"a=rid:h recv", "a=rid:l recv", "a=simulcast:recv h;l", "rtp-stream-id", "goog-remb", "repaired-rtp-stream-id"})
    EXPECT_NE(answer.find(line), std::string::npos) << line;
}

}  // namespace
}  // namespace partyline::sfu
