#include "whip_client/offer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

namespace partyline::whip_client {
namespace {

using testing::HasSubstr;
using testing::Not;

const rtp::IceDescription ours{
    "abcd",   "0123456789012345678901", false, {"1 1 udp 2130706431 127.0.0.1 40000 typ host"}, "sha-256", "AB:CD",
    "actpass"};

std::string text_of(const Offer& offer) {
  return to_string(offer.description);
}

size_t count(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  return static_cast<size_t>(
      std::distance(std::sregex_iterator(text.begin(), text.end(), regex), std::sregex_iterator()));
}

Offer publisher() {
  return make_offer(Role::publisher, {}, ours, 42, {1111, 2222, 3333});
}
Offer subscriber(PeerConfig config = {}) {
  return make_offer(Role::subscriber, config, ours, 42, {1111, 2222, 3333});
}

TEST(Offer, OfAPublisherIsTheNarrowFormThatSrsTakes) {
  const std::string sdp = text_of(publisher());
  EXPECT_THAT(sdp, HasSubstr("a=group:BUNDLE 0 1\r\n"));
  EXPECT_EQ(count(sdp, "a=rtcp-mux\r\n"), 2u);
  EXPECT_EQ(count(sdp, "a=sendonly\r\n"), 2u);
  EXPECT_EQ(count(sdp, "m=audio \\d+ UDP/TLS/RTP/SAVPF 111\r\n"), 1u) << sdp;
  EXPECT_EQ(count(sdp, "m=video \\d+ UDP/TLS/RTP/SAVPF 107 109\r\n"), 1u) << sdp;
  EXPECT_THAT(sdp, HasSubstr("packetization-mode=1"));
  EXPECT_THAT(sdp, HasSubstr("profile-level-id=42e01f"));
  EXPECT_THAT(sdp, HasSubstr("level-asymmetry-allowed=1"));
  EXPECT_THAT(sdp, HasSubstr("a=setup:actpass"));
  EXPECT_THAT(sdp, HasSubstr("transport-wide-cc"));
  for (const char* never : {"red/", "m=application", "a=rid", "a=simulcast", "ulpfec", "telephone-event"}) {
    EXPECT_THAT(sdp, Not(HasSubstr(never)));
  }
}

TEST(Offer, OfAPublisherNamesCnameAndMsidForItsSsrcs) {
  const std::string sdp = text_of(publisher());
  for (const char* ssrc : {"1111", "2222", "3333"}) {
    EXPECT_EQ(count(sdp, std::string("a=ssrc:") + ssrc + " cname:partyline\r\n"), 1u) << sdp;
    EXPECT_EQ(count(sdp, std::string("a=ssrc:") + ssrc + " msid:\\w+ \\S+\r\n"), 1u) << sdp;
  }
}

TEST(Offer, OfASubscriberOnlyReceivesAndNamesNoSsrc) {
  const std::string sdp = text_of(subscriber());
  EXPECT_EQ(count(sdp, "a=recvonly\r\n"), 2u);
  EXPECT_THAT(sdp, Not(HasSubstr("a=ssrc")));
  EXPECT_EQ(count(sdp, "transport-wide-cc"), 1u) << "video's path is measured";
  EXPECT_THAT(sdp, HasSubstr("nack pli"));
}

TEST(Offer, OfASubscriberMayNameVp8BesidesH264) {
  PeerConfig config;
  config.video_codecs = {core::Codec::h264, core::Codec::vp8};
  EXPECT_EQ(count(text_of(subscriber(config)), "m=video \\d+ UDP/TLS/RTP/SAVPF 107 96 97 109\r\n"), 1u);
}

TEST(Offer, WithoutVideoHasOneSection) {
  PeerConfig config;
  config.video = false;
  EXPECT_THAT(text_of(make_offer(Role::publisher, config, ours, 1, {1, 3, 5})), Not(HasSubstr("m=video")));
}

// SRS 7.0.18's answers, cut to what matters; the sections stand as their variant says.
std::string srs_answer(const std::string& sections, const std::string& bundle) {
  return "v=0\r\no=SRS/7.0.18(Hang) 1 2 IN IP4 0.0.0.0\r\ns=SRSSession\r\nt=0 0\r\na=ice-lite\r\na=group:BUNDLE " +
         bundle + "\r\na=msid-semantic: WMS live/cam\r\n" + sections;
}

const std::string kTransport =
    "c=IN IP4 0.0.0.0\r\na=ice-ufrag:665jp282\r\na=ice-pwd:0123456789abcdef0123456789abcdef\r\n"
    "a=fingerprint:sha-256 AA:BB\r\na=setup:passive\r\na=rtcp-mux\r\na=rtcp-rsize\r\n";
const std::string kCandidate = "a=candidate:0 1 udp 2130706431 127.0.0.1 8000 typ host generation 0\r\n";

std::string audio(const std::string& direction) {
  return "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" + kTransport + "a=mid:0\r\na=" + direction +
         "\r\na=rtpmap:111 opus/48000/2\r\na=ssrc:11 cname:x\r\n" + kCandidate;
}
std::string video(const std::string& direction) {
  return "m=video 9 UDP/TLS/RTP/SAVPF 107\r\n" + kTransport + "a=mid:1\r\na=" + direction +
         "\r\na=rtpmap:107 H264/90000\r\na=rtcp-fb:107 nack\r\na=rtcp-fb:107 nack pli\r\na=ssrc:22 cname:x\r\n" +
         kCandidate;
}

TEST(Answer, OfSrsWithBothTracksIsAccepted) {
  const auto agreed = accept(subscriber(), Role::subscriber, srs_answer(audio("sendonly") + video("sendonly"), "0 1"));
  ASSERT_TRUE(agreed) << agreed.error().message;
  ASSERT_EQ(agreed->tracks.size(), 2u);
  EXPECT_EQ(agreed->ice.ufrag, "665jp282");
  EXPECT_EQ(agreed->ice.candidates.size(), 1u);
  EXPECT_TRUE(agreed->tracks[1].receiving);
  EXPECT_FALSE(agreed->tracks[1].sending);
  EXPECT_EQ(agreed->tracks[1].local_ssrc, 2222u);
  EXPECT_THAT(agreed->tracks[1].remote_ssrcs, testing::ElementsAre(22u));
}

TEST(Answer, WithASectionMissingIsMatchedByMid) {
  const auto only_video = accept(subscriber(), Role::subscriber, srs_answer(video("sendonly"), "1"));
  ASSERT_TRUE(only_video) << only_video.error().message;
  ASSERT_EQ(only_video->tracks.size(), 1u);
  EXPECT_EQ(only_video->tracks[0].kind, core::MediaKind::video);
  EXPECT_EQ(only_video->tracks[0].local_ssrc, 2222u);
  const auto only_audio = accept(publisher(), Role::publisher, srs_answer(audio("recvonly"), "0"));
  ASSERT_TRUE(only_audio);
  ASSERT_EQ(only_audio->tracks.size(), 1u);
  EXPECT_TRUE(only_audio->tracks[0].sending);
}

TEST(Answer, WithoutAnyUsableSectionIsAnError) {
  EXPECT_FALSE(accept(subscriber(), Role::subscriber, srs_answer("", "0")));
  EXPECT_FALSE(accept(subscriber(), Role::subscriber, srs_answer(audio("inactive"), "0")));
  EXPECT_FALSE(accept(subscriber(), Role::subscriber, ""));
  EXPECT_FALSE(accept(subscriber(), Role::subscriber, "not sdp"));
}

}  // namespace
}  // namespace partyline::whip_client
