// Simulcast: what the SDP says and which layer is chosen.
#include "sfu/simulcast.hpp"

#include <gtest/gtest.h>

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
  layers[0].available = false;
  EXPECT_EQ(choose(2.1e6, 20ms), 1u);
  layers[0].available = true;
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
