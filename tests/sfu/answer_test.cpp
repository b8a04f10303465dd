#include "sfu/answer.hpp"

#include <gtest/gtest.h>

#include "tests/rtp/sdp/samples.hpp"

namespace partyline::sfu {
namespace {

TEST(PublisherDraft, OfASectionThatOnlyWaitsForItsBundleIsTaken) {
  const auto draft =
      draft_for_publisher(rtp::sdp::sample_text("rfc9725-offer.sdp"), {core::Codec::h264, core::Codec::vp8});
  ASSERT_TRUE(draft) << draft.error().message;
  ASSERT_EQ(draft->plan.media.size(), 2u);
  EXPECT_TRUE(draft->formats.audio);
  ASSERT_TRUE(draft->formats.video);
  EXPECT_EQ(draft->formats.video->codec, core::Codec::vp8);
  EXPECT_EQ(draft->remote_ice.ufrag, "EsAw");

  const rtp::IceDescription ours = draft->remote_ice;
  const auto answer = rtp::sdp::parse(write_publish_answer(*draft, ours, 1));
  ASSERT_TRUE(answer);
  ASSERT_EQ(answer->bundle.size(), 2u);
  for (const auto& section : answer->media) {
    EXPECT_NE(section.port, 0);
    EXPECT_TRUE(section.rtcp_mux);
    EXPECT_EQ(section.direction, rtp::sdp::Direction::recvonly);
  }
}

TEST(SoundDrafts, TakeRedAndRepetitionsWhereTheyAreOffered) {
  const std::string text = rtp::sdp::sample_text("chromium-offer.sdp");
  const auto plain = draft_for_publisher(text, {core::Codec::h264});
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->formats.audio->red_payload_type, 63);
  EXPECT_FALSE(plain->formats.audio->nack) << "it is not offered";
  const std::string line = "a=rtpmap:111 opus/48000/2\r\n";
  std::string repeats = text;
  repeats.insert(repeats.find(line) + line.size(), "a=rtcp-fb:111 nack\r\n");
  const auto draft = draft_for_publisher(repeats, {core::Codec::h264});
  ASSERT_TRUE(draft);
  EXPECT_TRUE(draft->formats.audio->nack);
  const std::string answer = write_publish_answer(*draft, draft->remote_ice, 1);
  EXPECT_NE(answer.find("a=rtcp-fb:111 nack\r\n"), std::string::npos);
  EXPECT_NE(answer.find("a=fmtp:63 111/111\r\n"), std::string::npos);
  const auto player = draft_for_player(repeats, {core::Codec::h264}, std::nullopt);
  ASSERT_TRUE(player) << player.error().message;
  ASSERT_EQ(player->formats.audio.size(), 1u);
  EXPECT_EQ(player->formats.audio[0].red_payload_type, 63);
}

}  // namespace
}  // namespace partyline::sfu
