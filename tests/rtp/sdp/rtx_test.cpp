// RTX (RFC 4588) and what else of the SDP makes video robust: sprop-parameter-sets.
#include <gmock/gmock.h>

#include "rtp/sdp/formats.hpp"
#include "tests/rtp/sdp/samples.hpp"

namespace partyline::rtp::sdp {
namespace {

using core::Codec;
using testing::HasSubstr;
using testing::Not;

std::vector<MediaCapabilities> repeating(Direction direction, std::vector<Codec> codecs = {Codec::h264}) {
  MediaCapabilities result = video(std::move(codecs));
  result.rtx = true;
  result.direction = direction;
  return {result};
}

LocalTransport with_ssrcs() {
  LocalTransport transport = ice_transport();
  transport.ssrc = 1000;
  transport.rtx_ssrc = 2000;
  return transport;
}

TEST(SdpRtx, is_offered_beside_each_video_format_and_its_source_is_grouped) {
  const auto offer =
      write_offer(repeating(Direction::sendonly, {Codec::vp8, Codec::h264}), {with_ssrcs()}, {.webrtc = true});
  const std::string text = to_string(offer);
  EXPECT_THAT(text, HasSubstr("m=video 9 UDP/TLS/RTP/SAVPF 96 107 97 109\r\n"));
  EXPECT_THAT(text, HasSubstr("a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"));
  EXPECT_THAT(text, HasSubstr("a=fmtp:109 apt=107\r\n"));
  EXPECT_THAT(text, HasSubstr("a=ssrc-group:FID 1000 2000\r\n"));
  EXPECT_THAT(text, HasSubstr("a=ssrc:2000 cname:"));
  auto none = repeating(Direction::sendonly);
  none[0].nack = false;
  EXPECT_THAT(to_string(write_offer(none, {with_ssrcs()}, {.webrtc = true})), Not(HasSubstr("rtx")));
  EXPECT_THAT(to_string(write_offer(repeating(Direction::sendonly), {with_ssrcs()}, {})), HasSubstr("rtx/90000"));
}

class SdpRtxFor : public testing::TestWithParam<bool> {};

TEST_P(SdpRtxFor, an_answer_is_agreed_in_both_directions_and_its_absence_too) {
  const auto ours = repeating(Direction::sendrecv);
  const auto offer = write_offer(ours, {with_ssrcs()}, {.webrtc = GetParam()});
  const auto plan = plan_answer(offer, ours);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->media[0].track.send_format->rtx_payload_type, 109);
  EXPECT_EQ(plan->media[0].track.remote_ssrcs, std::vector<uint32_t>{1000});
  auto answer = parsed(to_string(write_answer(offer, *plan, {with_ssrcs()}, 1, 1)));
  auto agreed = accept_answer(offer, answer, ours);
  ASSERT_TRUE(agreed);
  EXPECT_EQ(agreed->front().track.send_format->rtx_payload_type, 109);
  EXPECT_EQ(agreed->front().track.receive_formats.front().rtx_payload_type, 109);
  std::erase_if(answer.media[0].formats, [](const Format& format) { return format.encoding == "rtx"; });
  agreed = accept_answer(offer, answer, ours);
  ASSERT_TRUE(agreed);
  EXPECT_FALSE(agreed->front().track.send_format->rtx_payload_type);
  EXPECT_FALSE(agreed->front().track.receive_formats.front().rtx_payload_type);
}

INSTANTIATE_TEST_SUITE_P(PhonesAndBrowsers, SdpRtxFor, testing::Bool());

TEST(SdpRtx, answers_take_the_type_whose_apt_is_the_chosen_format) {
  const auto offer = parsed(
      "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
      "m=video 5000 RTP/AVPF 96 99 98 97 100\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=96\r\n"
      "a=rtpmap:98 H264/90000\r\na=fmtp:98 profile-level-id=42e01f;packetization-mode=1\r\na=rtpmap:97 rtx/90000\r\n"
      "a=fmtp:97 rtx-time=3000;apt=98\r\na=rtpmap:100 rtx/90000\r\na=rtcp-fb:* nack\r\n");
  const auto plan = plan_answer(offer, repeating(Direction::sendrecv, {Codec::h264}));
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->media[0].track.send_format->rtx_payload_type, 97);
  const std::string text = to_string(write_answer(offer, *plan, {with_ssrcs()}, 1, 1));
  EXPECT_THAT(text, HasSubstr("m=video 9 RTP/AVPF 98 97\r\n"));
  EXPECT_THAT(text, HasSubstr("a=fmtp:97 apt=98\r\n"));
}

TEST(SdpReceiverReference, is_offered_to_phones_and_answered_where_it_is_offered) {
  const auto ours = repeating(Direction::sendrecv);
  auto offer = write_offer(ours, {with_ssrcs()}, {});
  EXPECT_THAT(to_string(offer), HasSubstr("a=rtcp-xr:rcvr-rtt=all\r\n"));
  auto plan = plan_answer(offer, ours);
  ASSERT_TRUE(plan);
  EXPECT_TRUE(plan->media[0].track.receiver_reference);
  EXPECT_THAT(to_string(write_answer(offer, *plan, {with_ssrcs()}, 1, 1)), HasSubstr("a=rtcp-xr:rcvr-rtt=all\r\n"));
  offer.media[0].attributes = {"rtcp-xr:pkt-loss-rle"};
  plan = plan_answer(offer, ours);
  EXPECT_FALSE(plan->media[0].track.receiver_reference);
  EXPECT_THAT(to_string(write_answer(offer, *plan, {with_ssrcs()}, 1, 1)), Not(HasSubstr("rtcp-xr")));
}

TEST(SdpVoipMetrics, are_sent_to_who_asks_for_them_and_asked_of_nobody) {
  const std::vector<MediaCapabilities> capabilities{audio()};
  auto offer = write_offer(capabilities, {plain_transport()}, {});
  EXPECT_THAT(to_string(offer), Not(HasSubstr("voip-metrics")));
  EXPECT_FALSE(plan_answer(offer, capabilities)->media[0].track.voip_metrics);
  offer.media[0].attributes = {"rtcp-xr:stat-summary=loss,dup voip-metrics"};
  const auto plan = plan_answer(offer, capabilities);
  EXPECT_TRUE(plan->media[0].track.voip_metrics);
  EXPECT_THAT(to_string(write_answer(offer, *plan, {plain_transport()}, 1, 1)), Not(HasSubstr("voip-metrics")));
}

TEST(SdpStatistics, are_answered_as_far_as_they_are_known_and_asked_of_nobody) {
  const std::vector<MediaCapabilities> capabilities{audio()};
  const auto answer_to = [&](std::vector<std::string> session, std::vector<std::string> section) {
    auto offer = write_offer(capabilities, {plain_transport()}, {});
    EXPECT_THAT(to_string(offer), Not(HasSubstr("stat-summary")));
    offer.attributes = std::move(session);
    offer.media[0].attributes = std::move(section);
    const auto plan = plan_answer(offer, capabilities);
    const std::string text = to_string(write_answer(offer, *plan, {plain_transport()}, 1, 1));
    const size_t at = text.find("a=rtcp-xr:");
    return at == std::string::npos ? "" : text.substr(at, text.find('\r', at) - at);
  };
  EXPECT_EQ(answer_to({}, {"rtcp-xr:rcvr-rtt=all:10 stat-summary=loss,dup,jitt,TTL"}),
            "a=rtcp-xr:rcvr-rtt=all stat-summary=loss,dup,jitt");
  EXPECT_EQ(answer_to({}, {"rtcp-xr:stat-summary=jitt"}), "a=rtcp-xr:stat-summary=jitt");
  EXPECT_EQ(answer_to({}, {"rtcp-xr:stat-summary=HL"}), "");
  EXPECT_EQ(answer_to({}, {"rtcp-xr:stat-summary"}), "a=rtcp-xr:stat-summary=loss,dup,jitt");
  EXPECT_EQ(answer_to({}, {"rtcp-xr:voip-metrics  pkt-loss-rle=300 stat-summary=dup,,lossy"}),
            "a=rtcp-xr:stat-summary=dup");
  EXPECT_EQ(answer_to({}, {"rtcp-xr:"}), "");
  EXPECT_EQ(answer_to({"rtcp-xr:stat-summary=loss"}, {}), "a=rtcp-xr:stat-summary=loss");
  EXPECT_EQ(answer_to({"rtcp-xr:stat-summary=loss"}, {"rtcp-xr:rcvr-rtt=sender"}), "a=rtcp-xr:rcvr-rtt=all");
}

TEST(SdpParameterSets, are_read_from_base64_and_everything_else_is_left_out) {
  const auto sets = parameter_sets_of("packetization-mode=1;sprop-parameter-sets=Z0LgH9oCgPRA,aM4wpIA=");
  ASSERT_EQ(sets.size(), 2u);
  EXPECT_EQ(sets[0], (std::vector<uint8_t>{0x67, 0x42, 0xE0, 0x1F, 0xDA, 0x02, 0x80, 0xF4, 0x40}));
  EXPECT_EQ(sets[1], (std::vector<uint8_t>{0x68, 0xCE, 0x30, 0xA4, 0x80}));
  EXPECT_TRUE(parameter_sets_of("sprop-parameter-sets=!!!!,,Z===").empty());
  EXPECT_TRUE(parameter_sets_of("").empty());
}

}  // namespace
}  // namespace partyline::rtp::sdp
