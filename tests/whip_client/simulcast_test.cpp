#include "whip_client/simulcast.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "whip_client/offer.hpp"

namespace partyline::whip_client {
namespace {

using testing::HasSubstr;
using testing::Not;

const rtp::IceDescription ours{
    "abcd",   "0123456789012345678901", false, {"1 1 udp 2130706431 127.0.0.1 40000 typ host"}, "sha-256", "AB:CD",
    "actpass"};

Offer offer() {
  PeerConfig config;
  config.simulcast = {{"h", {1280, 720}, 30, core::Bitrate::kbps(2000)},
                      {"m", {640, 360}, 30, core::Bitrate::kbps(800)},
                      {"l", {416, 234}, 15, core::Bitrate::kbps(300)}};
  return make_offer(Role::publisher, config, ours, 42, {1111, 2222, 3333});
}

/// The offer turned round, with these lines more in the video section.
Agreement answered(const std::vector<std::string>& lines, bool with_rid = true) {
  const Offer made = offer();
  rtp::sdp::Description answer = made.description;
  for (auto& section : answer.media) {
    section.direction = rtp::sdp::Direction::recvonly;
    section.ssrcs.clear();
    section.attributes.clear();
    section.ice.setup = "passive";
    if (!with_rid) std::erase_if(section.extensions, [](const auto& each) { return each.id >= 10; });
  }
  answer.media[1].attributes = lines;
  auto agreement = accept(made, Role::publisher, to_string(answer));
  EXPECT_TRUE(agreement) << agreement.error().message;
  return agreement ? std::move(*agreement) : Agreement{};
}

TEST(PublisherSimulcast, IsOfferedLargestFirstWithWhatEachLayerWillBe) {
  const std::string sdp = to_string(offer().description);
  EXPECT_THAT(sdp, HasSubstr("a=rid:h send max-width=1280;max-height=720;max-fps=30;max-br=2000000\r\n"));
  EXPECT_THAT(sdp, HasSubstr("a=rid:l send max-width=416;max-height=234;max-fps=15;max-br=300000\r\n"));
  EXPECT_THAT(sdp, HasSubstr("a=simulcast:send h;m;l\r\n"));
  EXPECT_THAT(sdp, HasSubstr("a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"));
  EXPECT_THAT(sdp, HasSubstr("a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n"));
}

TEST(PublisherSimulcast, OfOneLayerIsNone) {
  PeerConfig config;
  config.simulcast = {{"h", {1280, 720}, 30, core::Bitrate::kbps(2000)}};
  EXPECT_THAT(to_string(make_offer(Role::publisher, config, ours, 42, {1, 2, 3}).description),
              Not(HasSubstr("simulcast")));
}

TEST(PublisherSimulcast, TakenUpGivesEachLayerSourcesOfItsOwn) {
  const Agreement agreed = answered({"rid:h recv", "rid:m recv", "rid:l recv", "simulcast:recv l;~m,x;h"});
  ASSERT_EQ(agreed.tracks.size(), 2u);
  ASSERT_EQ(agreed.layers.size(), 2u);
  const auto& first = agreed.tracks[1];
  EXPECT_EQ(first.rid, "h");
  EXPECT_EQ(first.local_ssrc, 2222u);
  EXPECT_EQ(first.rid_extension, 10);
  EXPECT_EQ(first.repaired_rid_extension, 11);
  EXPECT_NE(first.transport_cc_extension, 0);
  EXPECT_EQ(agreed.layers[0].rid, "m");
  EXPECT_EQ(agreed.layers[1].rid, "l");
  EXPECT_EQ(agreed.layers[1].transport_cc_extension, first.transport_cc_extension);
  EXPECT_EQ(agreed.layers[1].mid, first.mid);
  std::vector<uint32_t> ssrcs{1111, 2222, 3333};
  for (const auto& layer : agreed.layers) {
    EXPECT_THAT(ssrcs, Not(testing::Contains(layer.local_ssrc)));
    ssrcs.insert(ssrcs.end(), {layer.local_ssrc, layer.local_rtx_ssrc});
  }
}

TEST(PublisherSimulcast, InPartEndsWithTheFirstLayerThatIsNotTaken) {
  EXPECT_EQ(answered({"rid:h recv", "rid:m recv", "simulcast:recv h;m"}).layers.size(), 1u);
  EXPECT_TRUE(answered({"rid:h recv", "rid:l recv", "simulcast:recv h;l"}).layers.empty());
}

TEST(PublisherSimulcast, NotTakenUpLeavesOneStreamWithoutAName) {
  for (const Agreement& agreed :
       {answered({}), answered({"simulcast:recv"}), answered({"simulcast:send h;m;l"}), answered({"simulcast:recv h"}),
        answered({"rid:h recv", "rid:m recv", "rid:l recv", "simulcast:recv h;m;l"}, false)}) {
    EXPECT_TRUE(agreed.layers.empty());
    ASSERT_EQ(agreed.tracks.size(), 2u);
    EXPECT_TRUE(agreed.tracks[1].rid.empty());
    EXPECT_EQ(agreed.tracks[1].local_ssrc, 2222u);
  }
}

}  // namespace
}  // namespace partyline::whip_client
