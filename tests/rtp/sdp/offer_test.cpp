#include <algorithm>

#include "tests/rtp/sdp/samples.hpp"

namespace partyline::rtp::sdp {
namespace {

using core::Codec;

std::vector<NegotiatedMedia> accepted(const Description& offer, const Description& answer,
                                      const std::vector<MediaCapabilities>& capabilities) {
  auto result = accept_answer(offer, answer, capabilities);
  EXPECT_TRUE(result) << result.error().message;
  return result ? *result : std::vector<NegotiatedMedia>{};
}

std::vector<MediaCapabilities> publishing() {
  std::vector<MediaCapabilities> result{audio({Codec::opus}), video({Codec::h264})};
  for (auto& each : result) {
    each.direction = Direction::sendonly;
    each.telephone_event = false;
    each.transport_cc = true;
  }
  return result;
}

TEST(SdpOffer, a_publishers_offer_has_what_srs_and_chromium_look_for) {
  const Description offer = parsed(
      to_string(write_offer(publishing(), {ice_transport(), ice_transport()}, {.webrtc = true, .session_id = 5})));
  EXPECT_EQ(offer.bundle, (std::vector<std::string>{"0", "1"}));
  ASSERT_EQ(offer.media.size(), 2U);
  for (const Media& media : offer.media) {
    EXPECT_EQ(media.protocol, "UDP/TLS/RTP/SAVPF");
    EXPECT_EQ(media.direction, Direction::sendonly);
    EXPECT_TRUE(media.rtcp_mux);
    EXPECT_EQ(media.formats.size(), 1U);
    EXPECT_EQ(media.ssrcs.size(), 2U);  // cname and msid
    EXPECT_EQ(media.ice.ufrag, "uuuu");
  }
  EXPECT_EQ(offer.media[1].formats[0].fmtp, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f");
}

TEST(SdpOffer, a_phone_is_offered_both_h264_modes_and_events_at_both_clocks) {
  const Description offer =
      parsed(to_string(write_offer({audio(), video()}, {plain_transport(), plain_transport(20010)}, {})));
  EXPECT_EQ(offer.media[0].protocol, "RTP/AVP");
  EXPECT_EQ(offer.media[0].formats.size(), 6U);
  EXPECT_EQ(offer.media[1].port, 20010);
  ASSERT_EQ(offer.media[1].formats.size(), 3U);
  EXPECT_EQ(offer.media[1].formats[1].fmtp, "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f");
}

TEST(SdpOffer, the_whip_answer_of_srs_is_taken_up) {
  auto capabilities = publishing();
  const Description offer =
      write_offer(capabilities, {ice_transport(), ice_transport()}, {.webrtc = true, .h264_mode1 = 108});
  const auto media = accepted(offer, sample("srs-whip-answer.sdp"), capabilities);
  ASSERT_EQ(media.size(), 2U);
  EXPECT_TRUE(media[1].track.sending);
  EXPECT_FALSE(media[1].track.receiving);
  EXPECT_EQ(media[1].track.send_format->payload_type, 108);
  EXPECT_TRUE(media[1].track.send_format->nack);
  EXPECT_TRUE(media[1].track.send_format->transport_cc);
  EXPECT_EQ(media[1].track.transport_cc_extension, 3);
  EXPECT_EQ(media[1].track.mid_extension, 0);
  EXPECT_EQ(media[1].track.local_ssrc, 4242U);
  EXPECT_EQ(media[1].remote_ice.setup, "passive");
  EXPECT_TRUE(media[1].remote_ice.lite);
  EXPECT_EQ(media[1].remote_ice.candidates.size(), 2U);
}

TEST(SdpOffer, sections_of_an_answer_that_only_wait_for_their_bundle_are_taken_up) {
  const auto capabilities = std::vector{audio({Codec::opus}), video({Codec::vp8})};
  const Description offer = write_offer(capabilities, {ice_transport(), ice_transport()}, {.webrtc = true});
  const Description answer = sample("rfc9725-answer.sdp");
  const auto media = accepted(offer, answer, capabilities);
  ASSERT_EQ(media.size(), 2U);
  for (const auto& each : media) {
    EXPECT_TRUE(each.track.sending);
    EXPECT_TRUE(each.rtcp_mux);
    EXPECT_EQ(each.remote_ice.ufrag, "38sdf4fdsf54");
    EXPECT_EQ(each.remote_ice.setup, "passive");
    EXPECT_FALSE(each.remote_ice.fingerprint.empty());
    EXPECT_EQ(each.remote_ice.candidates.size(), 1U);
  }
  Description refused = answer;
  std::erase(refused.media[1].attributes, "bundle-only");
  EXPECT_EQ(accepted(offer, refused, capabilities).size(), 1U);
}

TEST(SdpOffer, red_in_front_of_opus_is_skipped) {
  std::vector<MediaCapabilities> capabilities{audio({Codec::opus}), video({Codec::h264})};
  for (auto& each : capabilities) each.direction = Direction::recvonly;
  const Description offer =
      write_offer(capabilities, {ice_transport(), ice_transport()}, {.webrtc = true, .h264_mode1 = 108});
  const auto media = accepted(offer, sample("srs-whep-answer.sdp"), capabilities);
  ASSERT_EQ(media.size(), 2U);
  EXPECT_EQ(media[0].track.receive_formats[0].payload_type, 111);
  EXPECT_EQ(media[0].track.receive_formats.size(), 1U);
  EXPECT_EQ(media[0].track.remote_ssrcs, (std::vector<uint32_t>{53444394}));
  EXPECT_FALSE(media[0].track.sending);
  EXPECT_TRUE(media[0].track.receiving);
}

TEST(SdpOffer, sections_left_out_are_found_by_mid_and_refused) {
  auto capabilities = publishing();
  const Description offer =
      write_offer(capabilities, {ice_transport(), ice_transport()}, {.webrtc = true, .h264_mode1 = 108});
  Description answer = sample("srs-whip-answer.sdp");
  answer.media.erase(answer.media.begin());
  const auto media = accepted(offer, answer, capabilities);
  ASSERT_EQ(media.size(), 1U);
  EXPECT_EQ(media[0].index, 1U);
  EXPECT_EQ(media[0].track.kind, core::MediaKind::video);
  answer.media.clear();
  const auto none = accept_answer(offer, answer, capabilities);
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("m=audio left out of the answer"), std::string::npos) << none.error().message;
}

TEST(SdpOffer, a_payload_type_of_the_peers_own_choice_is_what_we_send) {
  const std::vector<MediaCapabilities> capabilities{audio({Codec::opus, Codec::pcmu}), video({Codec::h264})};
  const Description offer = write_offer(capabilities, {plain_transport(), plain_transport(20010)}, {});
  const auto media =
      accepted(offer,
               parsed(session("m=audio 7000 RTP/AVP 120 121\r\na=rtpmap:120 opus/48000/2\r\na=fmtp:120 stereo=1\r\n"
                              "a=rtpmap:121 telephone-event/8000\r\na=ptime:40\r\n"
                              "m=video 7002 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n"
                              "a=fmtp:99 packetization-mode=0;profile-level-id=42801f\r\na=recvonly\r\n")),
               capabilities);
  ASSERT_EQ(media.size(), 2U);
  EXPECT_EQ(media[0].track.send_format->payload_type, 120);
  EXPECT_TRUE(media[0].track.send_format->opus_stereo);
  EXPECT_EQ(media[0].track.receive_formats[0].payload_type, 111);
  EXPECT_EQ(media[0].track.telephone_event, 101);
  EXPECT_EQ(media[0].track.packet_time_ms, 40U);
  EXPECT_EQ(media[1].track.send_format->payload_type, 99);
  EXPECT_EQ(media[1].track.receive_formats[0].payload_type, 108);
  EXPECT_EQ(media[1].track.receive_formats[0].h264.packetization_mode, 0);
  EXPECT_EQ(media[1].direction, Direction::sendonly);
}

TEST(SdpOffer, an_answer_without_fmtp_means_what_we_offered_under_that_type) {
  const std::vector<MediaCapabilities> capabilities{video({Codec::h264})};
  const Description offer = write_offer(capabilities, {plain_transport()}, {});
  const auto media =
      accepted(offer, parsed(session("m=video 7000 RTP/AVP 107\r\na=rtpmap:107 H264/90000\r\n")), capabilities);
  ASSERT_EQ(media.size(), 1U);
  EXPECT_EQ(media[0].track.send_format->h264.packetization_mode, 1);
  EXPECT_EQ(media[0].track.send_format->h264.level_idc, 31);
}

TEST(SdpOffer, what_was_not_offered_is_not_taken_up) {
  const std::vector<MediaCapabilities> capabilities{audio({Codec::opus})};
  const Description offer = write_offer(capabilities, {plain_transport()}, {});
  EXPECT_FALSE(accept_answer(offer, parsed(session("m=audio 7000 RTP/AVP 0\r\n")), capabilities));
  EXPECT_FALSE(accept_answer(offer, parsed(session("m=audio 0 RTP/AVP 111\r\n")), capabilities));
  EXPECT_FALSE(accept_answer(offer, parsed(session("m=audio 7000 RTP/SAVP 111\r\n")), capabilities));
  EXPECT_FALSE(accept_answer(offer, parsed(session("m=video 7000 RTP/AVP 111\r\n")), capabilities));
}

TEST(SdpOffer, our_own_answerer_understands_our_own_offers) {
  for (const bool webrtc : {false, true}) {
    const std::vector<MediaCapabilities> capabilities{audio(), video()};
    const LocalTransport transport = webrtc ? ice_transport() : plain_transport();
    const Description offer = parsed(to_string(write_offer(capabilities, {transport, transport}, {.webrtc = webrtc})));
    const AnswerPlan plan = planned(offer, capabilities);
    const auto media = accepted(offer, answered(offer, plan, transport), capabilities);
    ASSERT_EQ(media.size(), plan.media.size());
    for (size_t i = 0; i < media.size(); ++i) {
      EXPECT_EQ(media[i].track.send_format->payload_type, plan.media[i].track.receive_formats[0].payload_type);
      EXPECT_EQ(media[i].track.send_format->codec, plan.media[i].track.send_format->codec);
      EXPECT_EQ(media[i].track.telephone_event, plan.media[i].track.telephone_event);
      EXPECT_EQ(media[i].direction, reversed(plan.media[i].direction));
    }
  }
}

TEST(SdpOffer, a_phone_can_agree_transport_cc_and_both_sides_say_what_they_have_a_use_for) {
  MediaCapabilities camera = video();
  camera.transport_cc = true;
  LocalTransport ours = plain_transport();
  ours.bandwidth = core::Bitrate::kbps(2100);
  const Description offer = parsed(to_string(write_offer({camera}, {ours}, {})));
  EXPECT_EQ(offer.media[0].bandwidth, ours.bandwidth);
  const AnswerPlan plan = planned(offer, {camera});
  EXPECT_NE(plan.media[0].track.transport_cc_extension, 0);
  EXPECT_EQ(plan.media[0].track.bandwidth, ours.bandwidth);
  LocalTransport theirs = plain_transport();
  theirs.bandwidth = core::Bitrate::kbps(900);
  const auto media = accepted(offer, answered(offer, plan, theirs), {camera});
  ASSERT_EQ(media.size(), 1U);
  EXPECT_EQ(media[0].track.bandwidth, theirs.bandwidth);
  EXPECT_EQ(media[0].track.transport_cc_extension, plan.media[0].track.transport_cc_extension);
}

TEST(SdpOffer, lost_opus_is_asked_for_only_where_the_peer_takes_that_up) {
  const std::vector<MediaCapabilities> capabilities{audio({Codec::opus, Codec::pcmu})};
  const Description offer = parsed(to_string(write_offer(capabilities, {ice_transport()}, {.webrtc = true})));
  const auto plan = plan_answer(offer, capabilities);
  ASSERT_TRUE(plan);
  EXPECT_TRUE(plan->media[0].track.send_format->nack);
  Description answer = parsed(to_string(write_answer(offer, *plan, {ice_transport()}, 1, 1)));
  const auto agreed = accepted(offer, answer, capabilities);
  EXPECT_TRUE(agreed.at(0).track.send_format->nack);
  EXPECT_TRUE(agreed.at(0).track.receive_formats[0].nack);
  for (auto& format : answer.media[0].formats) format.feedback.clear();
  const auto without = accepted(offer, answer, capabilities);
  EXPECT_FALSE(without.at(0).track.send_format->nack);
  EXPECT_FALSE(without.at(0).track.receive_formats[0].nack);
}

TEST(SdpOffer, red_is_offered_around_opus_and_used_where_it_is_answered) {
  auto able = audio({Codec::opus});
  able.red = true;
  OfferOptions options;
  options.webrtc = true;
  const Description offer = write_offer({able}, {ice_transport()}, options);
  const auto red = std::ranges::find(offer.media[0].formats, "red", &Format::encoding);
  ASSERT_NE(red, offer.media[0].formats.end());
  EXPECT_EQ(red->fmtp, "111/111");
  const auto agreed = [&](const MediaCapabilities& peer) {
    const auto media =
        accept_answer(offer, answered(offer, planned(offer, {peer}), ice_transport()), std::vector{able});
    EXPECT_TRUE(media);
    return media ? media->front().track : TrackConfig{};
  };
  EXPECT_EQ(agreed(able).red, 63);
  EXPECT_EQ(agreed(able).red_send, 63);
  EXPECT_EQ(agreed(able).receive_formats.size(), 1U);
  EXPECT_FALSE(agreed(audio({Codec::opus})).red);
  options.webrtc = false;
  const Description to_phone = write_offer({able}, {plain_transport()}, options);
  EXPECT_EQ(std::ranges::count(to_phone.media[0].formats, "red", &Format::encoding), 0);
}

}  // namespace
}  // namespace partyline::rtp::sdp
