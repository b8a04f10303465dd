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

}  // namespace
}  // namespace partyline::sfu
