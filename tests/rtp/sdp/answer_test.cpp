#include <algorithm>

#include "rtp/sdp/formats.hpp"
#include "tests/rtp/sdp/samples.hpp"

namespace partyline::rtp::sdp {
namespace {

using core::Codec;

const NegotiatedMedia& of_kind(const AnswerPlan& plan, core::MediaKind kind) {
  static const NegotiatedMedia none;
  for (const auto& media : plan.media) {
    if (media.track.kind == kind) return media;
  }
  ADD_FAILURE() << "kind not negotiated";
  return none;
}
const TrackConfig& video_track(const AnswerPlan& plan) {
  return of_kind(plan, core::MediaKind::video).track;
}
const TrackConfig& audio_track(const AnswerPlan& plan) {
  return of_kind(plan, core::MediaKind::audio).track;
}

TEST(SdpAnswer, red_and_comfort_noise_are_taken_by_who_can_use_them) {
  const Description offer = sample("chromium-offer.sdp");
  auto able = audio();
  able.red = able.comfort_noise = true;
  const AnswerPlan plan = planned(offer, {able});
  EXPECT_EQ(audio_track(plan).red, 63);
  EXPECT_EQ(audio_track(plan).red_send, 63);
  const Description answer = answered(offer, plan, ice_transport());
  ASSERT_GE(answer.media[0].formats.size(), 2U);
  EXPECT_EQ(answer.media[0].formats[0].encoding, "opus");
  EXPECT_EQ(answer.media[0].formats[1].encoding, "red");
  EXPECT_EQ(answer.media[0].formats[1].fmtp, "111/111");
  for (const Format& format : answer.media[0].formats) EXPECT_NE(format.encoding, "CN");  // Opus has its own

  EXPECT_FALSE(audio_track(planned(offer, {audio()})).red);

  auto narrow = audio({Codec::pcmu});
  narrow.red = narrow.comfort_noise = true;
  const AnswerPlan phone = planned(offer, {narrow});
  EXPECT_FALSE(audio_track(phone).red);  // it is of Opus
  const Description to_phone = answered(offer, phone, ice_transport());
  EXPECT_EQ(std::ranges::count(to_phone.media[0].formats, "CN", &Format::encoding), 1);
}

TEST(SdpAnswer, red_stands_first_for_who_offers_it_first) {
  Description offer = sample("chromium-offer.sdp");
  const auto red = std::ranges::find(offer.media[0].formats, "red", &Format::encoding);
  ASSERT_NE(red, offer.media[0].formats.end());
  std::rotate(offer.media[0].formats.begin(), red, red + 1);
  auto able = audio();
  able.red = true;
  const Description answer = answered(offer, planned(offer, {able}), ice_transport());
  ASSERT_GE(answer.media[0].formats.size(), 2U);
  EXPECT_EQ(answer.media[0].formats[0].encoding, "red");
  EXPECT_EQ(answer.media[0].formats[1].encoding, "opus");
}

TEST(SdpAnswer, red_of_a_thousand_layers_is_red_all_the_same) {
  std::string fmtp = "111";
  for (int i = 0; i < 15000; ++i) fmtp += "/111";
  const std::vector<Format> formats = parsed(session("m=audio 7000 RTP/AVP 111 63\r\na=rtpmap:111 opus/48000/2\r\n"
                                                     "a=rtpmap:63 red/48000/2\r\na=fmtp:63 " +
                                                     fmtp + "\r\n"))
                                          .media.at(0)
                                          .formats;
  EXPECT_NE(choose_red(formats, 111, 48000), nullptr);
  EXPECT_EQ(choose_red(formats, 11, 48000), nullptr);
  EXPECT_EQ(choose_red(formats, 1, 48000), nullptr);
}

TEST(SdpAnswer, chromium_gets_constrained_baseline_in_mode_1) {
  auto capabilities = video({Codec::h264});
  capabilities.transport_cc = true;
  const Description offer = sample("chromium-offer.sdp");
  const AnswerPlan plan = planned(offer, {audio(), capabilities});
  const TrackConfig& track = video_track(plan);
  ASSERT_TRUE(track.send_format);
  EXPECT_EQ(track.send_format->payload_type, 108);
  EXPECT_EQ(track.send_format->h264.profile_iop, 0xE0);
  EXPECT_EQ(track.send_format->h264.packetization_mode, 1);
  EXPECT_TRUE(track.send_format->nack && track.send_format->pli && track.send_format->fir);
  EXPECT_FALSE(track.send_format->remb);
  EXPECT_TRUE(track.send_format->transport_cc);
  EXPECT_EQ(track.transport_cc_extension, 3);
  EXPECT_EQ(track.mid_extension, 4);
  EXPECT_EQ(track.remote_ssrcs, (std::vector<uint32_t>{81486031}));  // not the second of the FID group
  EXPECT_TRUE(track.feedback_profile);
  const TrackConfig& sound = audio_track(plan);
  EXPECT_EQ(sound.send_format->payload_type, 111);
  EXPECT_TRUE(sound.send_format->opus_inband_fec);
  EXPECT_EQ(sound.telephone_event, 110);
  EXPECT_EQ(sound.audio_level_extension, 1);
  EXPECT_EQ(sound.transport_cc_extension, 0);  // not among the capabilities of audio

  const Description answer = answered(offer, plan, ice_transport());
  EXPECT_TRUE(answer.ice_lite);
  EXPECT_EQ(answer.bundle, offer.bundle);
  const Media& section = answer.media[1];
  ASSERT_EQ(section.formats.size(), 1U);
  EXPECT_EQ(section.formats[0].fmtp, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f");
  EXPECT_EQ(section.formats[0].feedback, (std::vector<std::string>{"transport-cc", "ccm fir", "nack", "nack pli"}));
  EXPECT_EQ(section.ice.setup, "passive");
  EXPECT_EQ(section.ice.candidates.size(), 1U);
  EXPECT_TRUE(section.end_of_candidates);
  EXPECT_EQ(section.msid, "mix t");
  EXPECT_EQ(section.ssrcs.size(), 2U);
  EXPECT_EQ(answer.media[0].formats.size(), 2U);
  EXPECT_EQ(answer.media[0].formats[0].fmtp, "minptime=10;useinbandfec=1");
}

TEST(SdpAnswer, the_offers_order_or_ours_decides_the_codec) {
  auto ours = video({Codec::h264, Codec::vp8});
  const Description offer = sample("chromium-offer.sdp");
  EXPECT_EQ(video_track(planned(offer, {ours})).send_format->codec, Codec::vp8);
  ours.prefer_offer_order = false;
  EXPECT_EQ(video_track(planned(offer, {ours})).send_format->codec, Codec::h264);
}

TEST(SdpAnswer, baresip_gets_mode_1_and_its_colliding_payload_types_stay_apart) {
  const Description offer = sample("baresip-offer.sdp");
  const AnswerPlan plan = planned(offer, {audio(), video()});
  EXPECT_EQ(video_track(plan).send_format->payload_type, 97);
  EXPECT_EQ(video_track(plan).send_format->h264.packetization_mode, 1);
  EXPECT_TRUE(video_track(plan).send_format->pli);
  EXPECT_FALSE(video_track(plan).send_format->nack);
  EXPECT_EQ(audio_track(plan).send_format->payload_type, 96);  // which is H.264 in mode 0 for the video
  EXPECT_EQ(audio_track(plan).telephone_event, 101);
  EXPECT_EQ(audio_track(plan).send_format->codec, Codec::opus);
  EXPECT_TRUE(audio_track(plan).send_format->opus_stereo);
  EXPECT_FALSE(audio_track(plan).receive_formats[0].opus_stereo);
  EXPECT_EQ(plan.media[0].remote_rtcp_port, 46349);
  EXPECT_FALSE(plan.media[0].rtcp_mux);
  const Description answer = answered(offer, plan, plain_transport());
  EXPECT_FALSE(answer.media[0].rtcp_mux);
  EXPECT_TRUE(answer.bundle.empty());
  EXPECT_EQ(answer.connection, "198.51.100.1");
  EXPECT_EQ(answer.media[1].formats[0].fmtp, "packetization-mode=1;profile-level-id=42e01f");
}

TEST(SdpAnswer, baresip_with_sdes_keys_is_refused_in_words) {
  const auto plan = plan_answer(sample("baresip-sdes-offer.sdp"), {audio(), video()});
  ASSERT_FALSE(plan);
  EXPECT_NE(plan.error().message.find("m=audio (section 1): RTP/SAVP with keys in the SDP (SDES, a=crypto) is not"),
            std::string::npos)
      << plan.error().message;
}

TEST(SdpAnswer, baresip_with_ice_and_dtls_keeps_a_transport_for_each_section) {
  const Description offer = sample("baresip-dtls-ice-offer.sdp");
  auto plain_only = audio();
  plain_only.dtls = false;
  EXPECT_FALSE(plan_answer(offer, {plain_only}));
  const AnswerPlan plan = planned(offer, {audio(), video()});
  ASSERT_EQ(plan.media.size(), 2U);
  for (const NegotiatedMedia& media : plan.media) {
    EXPECT_EQ(media.remote_ice.ufrag, "Z9xd7e1");  // said once, for the session
    EXPECT_EQ(media.remote_ice.fingerprint_hash, "sha-256");
    EXPECT_EQ(media.remote_ice.candidates.size(), 4U);
    EXPECT_FALSE(media.rtcp_mux);
  }
  EXPECT_NE(plan.media[0].remote_ice.candidates, plan.media[1].remote_ice.candidates);
  EXPECT_TRUE(answered(offer, plan, ice_transport()).bundle.empty());
}

TEST(SdpAnswer, an_old_phone_gets_static_types_and_baseline_mode_0) {
  const Description offer = sample("old-phone-offer.sdp");
  const AnswerPlan plan = planned(offer, {audio(), video()});
  EXPECT_EQ(audio_track(plan).send_format->codec, Codec::pcmu);
  EXPECT_EQ(audio_track(plan).packet_time_ms, 30U);
  EXPECT_EQ(audio_track(plan).telephone_event, 101);
  EXPECT_EQ(plan.media[0].remote_rtcp_port, 16385);
  const PayloadFormat& h264 = *video_track(plan).send_format;
  EXPECT_EQ(h264.payload_type, 97);
  EXPECT_EQ(h264.h264, H264Parameters{});
  EXPECT_FALSE(h264.pli);
  EXPECT_FALSE(video_track(plan).feedback_profile);
  EXPECT_EQ(plan.refusals.size(), 2U);
  const Description answer = answered(offer, plan, plain_transport());
  ASSERT_EQ(answer.media.size(), 4U);
  EXPECT_EQ(answer.media[1].formats[0].fmtp, "");
  EXPECT_EQ(answer.media[2].port, 0);
  EXPECT_EQ(answer.media[2].kind, "application");
  EXPECT_EQ(answer.media[2].protocol, "TCP/BFCP");
  EXPECT_EQ(answer.media[3].raw_formats, (std::vector<std::string>{"t38"}));
}

struct HoldCase {
  std::string lines;
  Direction ours;
};
TEST(SdpAnswer, hold_in_all_its_spellings_is_complemented) {
  const std::vector<HoldCase> table{
      {"m=audio 7000 RTP/AVP 0\r\n", Direction::sendrecv},
      {"m=audio 7000 RTP/AVP 0\r\na=sendonly\r\n", Direction::recvonly},
      {"m=audio 7000 RTP/AVP 0\r\na=recvonly\r\n", Direction::sendonly},
      {"m=audio 7000 RTP/AVP 0\r\na=inactive\r\n", Direction::inactive},
      {"m=audio 7000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n", Direction::recvonly},
      {"m=audio 7000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\n", Direction::inactive},
      {"a=sendonly\r\nm=audio 7000 RTP/AVP 0\r\n", Direction::recvonly},
      // A browser that has no candidate yet writes zeros, too; with ICE they mean nothing.
      {"m=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=fingerprint:sha-256 AA\r\n",
       Direction::sendrecv},
  };
  for (const HoldCase& each : table) {
    const Description offer = parsed(session(each.lines));
    const AnswerPlan plan = planned(offer, {audio()});
    EXPECT_EQ(plan.media[0].direction, each.ours) << each.lines;
    EXPECT_EQ(plan.media[0].track.sending, each.ours == Direction::sendrecv || each.ours == Direction::sendonly);
    EXPECT_EQ(answered(offer, plan, plain_transport()).media[0].direction, each.ours);
  }
}

TEST(SdpAnswer, our_own_direction_narrows_the_answer) {
  auto ours = audio();
  ours.direction = Direction::recvonly;
  const auto plan = planned(parsed(session("m=audio 7000 RTP/AVP 0\r\n")), {ours});
  EXPECT_EQ(plan.media[0].direction, Direction::recvonly);
}

struct ProtocolCase {
  std::string lines;
  bool plain, dtls;
  std::string refusal;  // words of the error; empty: accepted
};
TEST(SdpAnswer, protocols_are_echoed_or_refused_in_words) {
  const std::string print = "a=fingerprint:sha-256 AA\r\n";
  const std::string crypto = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n";
  const std::vector<ProtocolCase> table{
      {"m=audio 7000 RTP/AVP 0\r\n", true, true, ""},
      {"m=audio 7000 RTP/AVPF 0\r\n", true, true, ""},
      {"m=audio 7000 RTP/SAVPF 0\r\n" + print, true, true, ""},
      {"m=audio 7000 UDP/TLS/RTP/SAVP 0\r\n" + print, true, true, ""},
      {"m=audio 7000 UDP/TLS/RTP/SAVPF 0\r\n" + print, true, true, ""},
      {"m=audio 7000 RTP/SAVP 0\r\n" + crypto, true, true, "SDES, a=crypto) is not supported"},
      {"m=audio 7000 UDP/TLS/RTP/SAVPF 0\r\n", true, true, "has no a=fingerprint"},
      {"m=audio 7000 UDP/TLS/RTP/SAVPF 0\r\n" + print, true, false, "not supported here: offer RTP/AVP"},
      {"m=audio 7000 RTP/AVP 0\r\n", false, true, "not encrypted"},
      {"m=audio 7000 TCP/RTP/AVP 0\r\n", true, true, "not known"},
      {"m=audio 7000 RTP/AVP 18\r\n", true, true, "none of the offered codecs (G729) is known here (opus, G722"},
      {"m=audio 0 RTP/AVP 0\r\n", true, true, "no active media section"},
      {"m=message 7000 TCP/MSRP *\r\n", true, true, "not used here"},
  };
  for (const ProtocolCase& each : table) {
    const Description offer = parsed(session(each.lines));
    auto ours = audio();
    ours.plain = each.plain;
    ours.dtls = each.dtls;
    const auto plan = plan_answer(offer, {ours});
    ASSERT_EQ(plan.has_value(), each.refusal.empty()) << each.lines;
    if (!plan) {
      EXPECT_EQ(plan.error().code, core::ErrorCode::unsupported);
      EXPECT_NE(plan.error().message.find(each.refusal), std::string::npos) << plan.error().message;
      continue;
    }
    EXPECT_EQ(answered(offer, *plan, plain_transport()).media[0].protocol, offer.media[0].protocol);
  }
}

TEST(SdpAnswer, best_effort_encryption_takes_the_plain_one_of_two_audio_sections) {
  const Description offer = parsed(session(
      "m=audio 7000 RTP/SAVP 0\r\na=crypto:1 x inline:y\r\nm=audio 7002 RTP/AVP 0\r\nm=audio 7004 RTP/AVP 0\r\n"));
  const AnswerPlan plan = planned(offer, {audio()});
  ASSERT_EQ(plan.media.size(), 1U);
  EXPECT_EQ(plan.media[0].index, 1U);
  EXPECT_EQ(plan.media[0].remote_port, 7002);
  const Description answer = answered(offer, plan, plain_transport());
  EXPECT_EQ(answer.media[0].port, 0);
  EXPECT_EQ(answer.media[1].port, 20000);
  EXPECT_EQ(answer.media[2].port, 0);
}

struct H264Case {
  std::string fmtp;    // offered
  std::string answer;  // fmtp of our answer
  int send_level;      // what we may send
};
TEST(SdpAnswer, h264_levels_follow_rfc_6184) {
  const std::vector<H264Case> table{
      {"profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1",
       "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", 31},
      {"profile-level-id=42e00c;packetization-mode=1;level-asymmetry-allowed=1",
       "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", 12},
      {"profile-level-id=42e00c;packetization-mode=1", "packetization-mode=1;profile-level-id=42e00c", 12},
      {"profile-level-id=42E028; packetization-mode=0", "packetization-mode=0;profile-level-id=42e01f", 31},
      {"profile-level-id=42e034;level-asymmetry-allowed=1",
       "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f", 52},
      {"profile-level-id=640c1f;packetization-mode=1", "packetization-mode=1;profile-level-id=640c1f", 31},
      {"profile-level-id=4d0028;packetization-mode=1", "packetization-mode=1;profile-level-id=4d001f", 31},
      // Level 1b: constraint_set3 at level 1.1 is part of the level, not of the profile.
      {"profile-level-id=42f00b", "packetization-mode=0;profile-level-id=42f00b", 11},
      {"profile-level-id=42f00b;level-asymmetry-allowed=1",
       "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f", 11},
      {"profile-level-id=rubbish", "packetization-mode=0;profile-level-id=42000a", 10},
  };
  for (const H264Case& each : table) {
    const Description offer =
        parsed(session("m=video 7000 RTP/AVP 99\r\na=rtpmap:99 h264/90000\r\na=fmtp:99 " + each.fmtp + "\r\n"));
    const AnswerPlan plan = planned(offer, {video()});
    EXPECT_EQ(video_track(plan).send_format->h264.level_idc, each.send_level) << each.fmtp;
    EXPECT_EQ(answered(offer, plan, plain_transport()).media[0].formats[0].fmtp, each.answer) << each.fmtp;
  }
}

TEST(SdpAnswer, h264_prefers_the_baseline_family_but_takes_what_it_gets) {
  const auto offer_of = [](const std::string& a, const std::string& b) {
    return parsed(
        session("m=video 7000 RTP/AVP 96 97\r\na=rtpmap:96 H264/90000\r\na=rtpmap:97 H264/90000\r\na=fmtp:96 " + a +
                "\r\na=fmtp:97 " + b + "\r\n"));
  };
  const std::string high = "profile-level-id=640028;packetization-mode=1", main = "profile-level-id=4d0028",
                    base = "profile-level-id=420014", interleaved = "profile-level-id=42e01f;packetization-mode=2",
                    professional = "profile-level-id=f4001f";
  EXPECT_EQ(video_track(planned(offer_of(high, base), {video()})).send_format->payload_type, 97);
  EXPECT_EQ(video_track(planned(offer_of(main, high), {video()})).send_format->payload_type, 96);
  EXPECT_EQ(video_track(planned(offer_of(interleaved, high), {video()})).send_format->payload_type, 97);
  EXPECT_FALSE(plan_answer(offer_of(interleaved, professional), {video()}));
}

TEST(SdpAnswer, vp8_limits_are_read) {
  const auto plan = planned(
      parsed(session("m=video 7000 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\na=fmtp:96 max-fr=30; max-fs=3600\r\n")),
      {video()});
  EXPECT_EQ(video_track(plan).send_format->max_frame_rate, 30U);
  EXPECT_EQ(video_track(plan).send_format->max_frame_size, 3600U);
}

TEST(SdpAnswer, telephone_events_run_at_the_audio_codecs_clock_where_offered) {
  const std::string events = "a=rtpmap:100 telephone-event/8000\r\na=rtpmap:101 telephone-event/48000\r\n";
  const auto event_of = [&](const std::string& formats, const std::string& maps) {
    return audio_track(planned(parsed(session("m=audio 7000 RTP/AVP " + formats + "\r\n" + maps)), {audio()}))
        .telephone_event;
  };
  EXPECT_EQ(event_of("111 100 101", "a=rtpmap:111 opus/48000/2\r\n" + events), 101);
  EXPECT_EQ(event_of("0 101 100", events), 100);
  EXPECT_EQ(event_of("111 100", "a=rtpmap:111 opus/48000/2\r\n" + events), 100);
  EXPECT_EQ(event_of("0", events), std::nullopt);
}

TEST(SdpAnswer, packet_times_are_ones_that_encoders_make) {
  const auto time_of = [&](const std::string& codec, const std::string& time) {
    return audio_track(planned(parsed(session("m=audio 7000 RTP/AVP " + codec +
                                              "\r\na=rtpmap:96 opus/48000/2\r\na=ptime:" + time + "\r\n")),
                               {audio()}))
        .packet_time_ms;
  };
  EXPECT_EQ(time_of("0", "30"), 30U);
  EXPECT_EQ(time_of("96", "30"), 20U);
  EXPECT_EQ(time_of("96", "60"), 60U);
  EXPECT_EQ(time_of("0", "0"), 10U);
  EXPECT_EQ(time_of("0", "4000000000"), 60U);
  EXPECT_EQ(time_of("0", "rubbish"), 20U);
}

TEST(SdpAnswer, setup_complements_the_offer_where_the_transport_leaves_it_open) {
  const auto setup_of = [](const std::string& offered, const std::string& ours) {
    const Description offer =
        parsed(session("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=fingerprint:sha-256 AA\r\na=setup:" + offered +
                       "\r\na=ice-ufrag:abcd\r\n"));
    LocalTransport transport = ice_transport();
    transport.ice->setup = ours;
    return answered(offer, planned(offer, {audio()}), transport).media[0].ice.setup;
  };
  EXPECT_EQ(setup_of("actpass", "passive"), "passive");
  EXPECT_EQ(setup_of("actpass", "active"), "active");
  EXPECT_EQ(setup_of("actpass", ""), "passive");
  EXPECT_EQ(setup_of("active", "actpass"), "passive");
  EXPECT_EQ(setup_of("passive", ""), "active");
}

TEST(SdpAnswer, a_refused_section_leaves_the_bundle) {
  const Description offer =
      parsed(session("a=group:BUNDLE a v d\r\na=fingerprint:sha-256 AA\r\n"
                     "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:a\r\na=ice-ufrag:abcd\r\na=ice-pwd:p\r\n"
                     "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\na=rtpmap:96 VP8/90000\r\na=bundle-only\r\n"
                     "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:d\r\n"));
  const AnswerPlan plan = planned(offer, {audio(), video()});
  ASSERT_EQ(plan.media.size(), 2U);
  EXPECT_EQ(plan.media[1].remote_ice.ufrag, "abcd");
  const Description answer = answered(offer, plan, ice_transport());
  EXPECT_EQ(answer.bundle, (std::vector<std::string>{"a", "v"}));
  EXPECT_EQ(answer.media[1].port, 9);
  EXPECT_EQ(answer.media[2].port, 0);
  EXPECT_EQ(answer.media[2].mid, "d");
}

}  // namespace
}  // namespace partyline::rtp::sdp
