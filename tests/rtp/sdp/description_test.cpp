#include "rtp/sdp/description.hpp"

#include <cstdlib>
#include <filesystem>

#include "tests/rtp/sdp/samples.hpp"
#include "tests/support/paths.hpp"

namespace partyline::rtp::sdp {
namespace {

TEST(SdpParse, reads_a_chromium_offer) {
  const Description offer = sample("chromium-offer.sdp");
  EXPECT_EQ(offer.bundle, (std::vector<std::string>{"0", "1"}));
  ASSERT_EQ(offer.media.size(), 2U);
  const Media& audio = offer.media[0];
  EXPECT_EQ(audio.protocol, "UDP/TLS/RTP/SAVPF");
  EXPECT_EQ(audio.formats.size(), 8U);
  EXPECT_EQ(audio.formats[0].encoding, "opus");
  EXPECT_EQ(audio.formats[0].clock_rate, 48000U);
  EXPECT_EQ(audio.formats[0].channels, 2);
  EXPECT_EQ(audio.formats[0].fmtp, "minptime=10;useinbandfec=1");
  EXPECT_EQ(audio.ice.ufrag, "IovN");
  EXPECT_EQ(audio.ice.setup, "actpass");
  EXPECT_EQ(audio.ice.fingerprint_hash, "sha-256");
  EXPECT_EQ(audio.ice.candidates.size(), 4U);
  EXPECT_TRUE(audio.rtcp_mux);
  EXPECT_TRUE(audio.rtcp_reduced_size);
  EXPECT_EQ(audio.extensions.size(), 4U);
  const Media& video = offer.media[1];
  EXPECT_EQ(video.mid, "1");
  EXPECT_EQ(video.formats.size(), 23U);
  EXPECT_EQ(video.formats[0].feedback.size(), 5U);
  EXPECT_EQ(video.ssrcs.size(), 4U);
}

TEST(SdpParse, fills_static_payload_types_in_and_copies_starred_feedback) {
  const Description phone = sample("old-phone-offer.sdp");
  ASSERT_EQ(phone.media.size(), 4U);
  EXPECT_EQ(phone.media[0].formats[0].encoding, "G729");
  EXPECT_EQ(phone.media[0].formats[1].encoding, "PCMU");
  EXPECT_EQ(phone.media[0].packet_time_ms, 30U);
  EXPECT_TRUE(phone.media[2].formats.empty());
  EXPECT_EQ(phone.media[2].raw_formats, (std::vector<std::string>{"*"}));
  const Description baresip = sample("baresip-offer.sdp");
  for (const Format& format : baresip.media[1].formats) {
    EXPECT_EQ(format.feedback, (std::vector<std::string>{"nack pli"}));
  }
}

TEST(SdpParse, a_bundled_section_shares_the_first_ones_way_of_rtcp_however_it_names_its_transport) {
  const std::string head =
      "v=0\no=- 1 1 IN IP4 1.2.3.4\ns=-\nc=IN IP4 1.2.3.4\nt=0 0\na=group:BUNDLE a v\n"
      "m=audio 9 UDP/TLS/RTP/SAVPF 0\na=mid:a\na=ice-ufrag:uuuu\na=ice-pwd:pppp\na=rtcp-mux\na=rtcp-rsize\n";
  const std::string own = "a=ice-ufrag:other\na=ice-pwd:qqqq\n", same = "a=ice-ufrag:uuuu\na=ice-pwd:pppp\n";
  const auto second = [&](const std::string& port, const std::string& mid, const std::string& lines) {
    const Description d =
        parsed(head + "m=video " + port + " UDP/TLS/RTP/SAVPF 96\na=mid:" + mid + "\na=rtpmap:96 VP8/90000\n" + lines);
    EXPECT_EQ(d.media[1].rtcp_mux, d.media[1].rtcp_reduced_size);
    return d.media[1].rtcp_mux;
  };
  EXPECT_TRUE(second("0", "v", "a=bundle-only\n"));
  EXPECT_TRUE(second("0", "v", "a=bundle-only\n" + same));
  EXPECT_TRUE(second("9", "v", same));
  EXPECT_TRUE(second("0", "v", "a=bundle-only\n" + own));
  EXPECT_FALSE(second("9", "v", own)) << "a transport of its own, should the bundle be refused";
  EXPECT_FALSE(second("9", "x", same)) << "not in the bundle";
}

TEST(SdpParse, gives_session_values_to_sections_that_say_nothing) {
  const Description d = parsed(
      "v=0\no=- 1 1 IN IP4 1.2.3.4\ns=-\nc=IN IP4 1.2.3.4/127\nb=AS:300\nt=0 0\na=sendonly\na=ice-ufrag:sess\n"
      "a=ice-pwd:secret\na=fingerprint:SHA-256 AA:BB\na=setup:active\na=ice-lite\na=extmap:5 urn:x\n"
      "m=audio 1000 RTP/AVP 0\nm=video 1002 RTP/AVP 96\nc=IN IP6 ::1\nb=AS:100\nb=TIAS:90500\na=recvonly\n"
      "a=ice-ufrag:own\na=rtpmap:96 VP8/90000\n");
  ASSERT_EQ(d.media.size(), 2U);
  EXPECT_EQ(d.media[0].connection, "1.2.3.4");
  EXPECT_EQ(d.media[0].direction, Direction::sendonly);
  EXPECT_EQ(d.media[0].bandwidth, core::Bitrate::kbps(300));
  EXPECT_EQ(d.media[0].ice.ufrag, "sess");
  EXPECT_EQ(d.media[0].ice.fingerprint, "AA:BB");
  EXPECT_TRUE(d.media[0].ice.lite);
  EXPECT_EQ(d.media[0].extensions.size(), 1U);
  EXPECT_EQ(d.media[1].connection, "::1");
  EXPECT_EQ(d.media[1].direction, Direction::recvonly);
  EXPECT_EQ(d.media[1].bandwidth, (core::Bitrate{90500}));
  EXPECT_EQ(d.media[1].ice.ufrag, "own");
  EXPECT_EQ(d.media[1].ice.pwd, "secret");
}

TEST(SdpParse, prefers_the_sha_256_fingerprint_of_several) {
  const Description d =
      parsed(session("a=fingerprint:sha-256 AA\r\na=fingerprint:sha-1 BB\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"));
  EXPECT_EQ(d.media[0].ice.fingerprint, "AA");
  const Description e =
      parsed(session("a=fingerprint:sha-512 CC\r\na=fingerprint:sha-256 AA\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"));
  EXPECT_EQ(e.media[0].ice.fingerprint_hash, "sha-256");
}

struct Broken {
  std::string text;
  core::ErrorCode code;
  std::string words;  // of the message
};

TEST(SdpParse, names_the_line_of_an_error) {
  std::string sections, formats = "m=audio 9 RTP/AVP";
  for (int i = 0; i < 33; ++i) sections += "m=audio 9 RTP/AVP 0\r\n";
  for (int i = 0; i < 65; ++i) formats += " " + std::to_string(i);
  const std::vector<Broken> table{
      {"", core::ErrorCode::invalid, "no v= line"},
      {"hello", core::ErrorCode::invalid, "line 1"},
      {"o=- 1 1 IN IP4 1.2.3.4\r\n", core::ErrorCode::invalid, "line 1: the first line is not v=0"},
      {"v=1\r\n", core::ErrorCode::invalid, "line 1: the version"},
      {"v=0\r\no=- 1 1 IN IP4\r\n", core::ErrorCode::invalid, "line 2: o="},
      {"v=0\r\n\r\nc=IN IP5 x\r\n", core::ErrorCode::invalid, "line 3: c="},
      {session("m=audio 70000 RTP/AVP 0\r\n"), core::ErrorCode::invalid, "line 6: the port"},
      {session("m=audio 7000\r\n"), core::ErrorCode::invalid, "line 6: m="},
      {session("m=audio 7000 RTP/AVP 128\r\n"), core::ErrorCode::invalid, "line 6: payload type \"128\""},
      {session("m=audio 7000 RTP/AVP 96\r\na=rtpmap:96 opus\r\n"), core::ErrorCode::invalid, "line 7: a=rtpmap"},
      {session(std::string("a=x\0y\r\n", 7)), core::ErrorCode::invalid, "line 6: control"},
      {session(sections), core::ErrorCode::limit, "line 38: more than 32"},
      {session(formats), core::ErrorCode::limit, "line 6: more than 64"},
      {std::string(65 * 1024, 'x'), core::ErrorCode::limit, "64 KiB"},
  };
  for (const Broken& each : table) {
    const auto result = parse(each.text);
    ASSERT_FALSE(result) << each.words;
    EXPECT_EQ(result.error().code, each.code) << each.words;
    EXPECT_NE(result.error().message.find(each.words), std::string::npos) << result.error().message;
  }
}

TEST(SdpParse, is_lenient_where_peers_are_odd) {
  const Description d = parsed(
      "v=0\no=- 99999999999999999999999 1 IN IP4 h\ns=\nt=0 0\nk=clear:x\nz=\nm=audio 7000/2 RTP/AVP 0 0 96\n"
      "a=fmtp:96 a=1\na=fmtp:96 b=2\na=rtpmap:97 unknown/1\na=rtcp:7005 IN IP4 9.8.7.6\na=\na=:\na=ssrc:x y\n\n");
  ASSERT_EQ(d.media.size(), 1U);
  EXPECT_EQ(d.media[0].port, 7000);
  EXPECT_EQ(d.media[0].formats.size(), 2U);
  EXPECT_EQ(d.media[0].formats[1].fmtp, "a=1;b=2");
  EXPECT_EQ(d.media[0].rtcp_port, 7005);
  EXPECT_EQ(d.media[0].rtcp_address, "9.8.7.6");
}

TEST(SdpParse, tabs_between_words_are_blanks_and_other_control_bytes_are_refused) {
  const auto odd = parse(session("m=audio 7000\tRTP/AVP 0\t8\t\r\n"));
  ASSERT_TRUE(odd) << odd.error().message;
  EXPECT_EQ(odd->media[0].protocol, "RTP/AVP");
  EXPECT_EQ(odd->media[0].formats.size(), 2U);
  EXPECT_FALSE(parse(session("m=audio 7000 RTP/\x01VP 0\r\n")));
}

TEST(SdpWrite, what_is_written_reads_the_same) {
  for (const auto& name : {"chromium-offer.sdp", "srs-whip-answer.sdp", "srs-whep-answer.sdp", "baresip-offer.sdp",
                           "baresip-sdes-offer.sdp", "baresip-dtls-ice-offer.sdp", "old-phone-offer.sdp"}) {
    const Description first = sample(name);
    const std::string once = to_string(first);
    EXPECT_EQ(to_string(parsed(once)), once) << name;
    EXPECT_EQ(parsed(once).media.size(), first.media.size());
  }
}

TEST(SdpWrite, a_value_with_line_ends_stays_on_its_line) {
  Description d;
  d.session_name = "x\r\nm=audio 1 RTP/AVP 0";
  d.origin_address = "::1";
  EXPECT_TRUE(parsed(to_string(d)).media.empty());
  EXPECT_NE(to_string(d).find("IN IP6 ::1"), std::string::npos);
}

TEST(SdpParse, survives_the_outsiders_corpus) {
  const std::string folder = test::conformance_dir() + "/fuzz/sdp";
  if (!std::filesystem::is_directory(folder)) GTEST_SKIP() << "no corpus at " << folder;
  size_t understood = 0, files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(in), {});
    ++files;
    const auto result = parse(text);
    if (!result) {
      std::printf("%s: %s\n", entry.path().filename().c_str(), result.error().message.c_str());
      continue;
    }
    ++understood;
    EXPECT_EQ(to_string(parsed(to_string(*result))), to_string(*result)) << entry.path();
  }
  EXPECT_GE(understood * 10, files * 9);
}

}  // namespace
}  // namespace partyline::rtp::sdp
