// Properties that hold for the answer to any offer: thousands of seeded offers, made of what real ones are made of.
#include <algorithm>
#include <random>

#include "rtp/sdp/section.hpp"
#include "tests/rtp/sdp/samples.hpp"

namespace partyline::rtp::sdp {
namespace {

class OfferMaker {
 public:
  explicit OfferMaker(uint32_t seed) : random_(seed) {}

  std::string make() {
    std::string text = session(chance(3) ? "a=sendonly\r\n" : "");
    if (chance(2)) text += "a=fingerprint:sha-256 AA:BB\r\na=ice-ufrag:abcd\r\na=ice-pwd:efgh\r\n";
    const size_t sections = 1 + below(5);
    if (chance(2)) {
      text += "a=group:BUNDLE";
      for (size_t i = 0; i < sections; ++i) text += " m" + std::to_string(i);
      text += "\r\n";
    }
    for (size_t i = 0; i < sections; ++i) text += section(i);
    return text;
  }

 private:
  size_t below(size_t n) { return random_() % n; }
  bool chance(size_t n) { return below(n) == 0; }
  std::string pick(const std::vector<std::string>& of) { return of[below(of.size())]; }

  std::string section(size_t index) {
    const std::string kind = pick({"audio", "video", "audio", "video", "application", "image"});
    std::string head = "m=" + kind + " " + pick({"9", "4000", "0", "65535"}) + " " +
                       pick({"RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVPF", "TCP/BFCP"});
    std::string lines;
    const size_t count = 1 + below(8);
    for (size_t i = 0; i < count; ++i) {
      const int type = static_cast<int>(96 + i);
      if (kind == "audio" && chance(3)) {
        head += pick({" 0", " 8", " 9", " 18"});
        continue;
      }
      const std::string number = std::to_string(type);
      head += " " + number;
      lines += "a=rtpmap:" + number + " " +
               pick(kind == "audio"
                        ? std::vector<std::string>{"opus/48000/2", "telephone-event/8000", "telephone-event/48000",
                                                   "PCMU/8000", "iLBC/8000", "red/48000/2"}
                        : std::vector<std::string>{"H264/90000", "H264/90000", "VP8/90000", "rtx/90000", "AV1/90000"}) +
               "\r\n";
      if (kind == "video" && !chance(4)) {
        lines += "a=fmtp:" + number + " packetization-mode=" + pick({"0", "1", "2"}) + ";profile-level-id=" +
                 pick({"42e01f", "42001f", "42c00b", "4d0028", "640033", "f4001f", "42f00b", "58a01e"}) +
                 pick({"", ";level-asymmetry-allowed=1"}) + "\r\n";
      }
      if (chance(2))
        lines += "a=rtcp-fb:" + number + pick({" nack", " nack pli", " ccm fir", " transport-cc"}) + "\r\n";
    }
    lines += pick({"", "a=sendrecv\r\n", "a=recvonly\r\n", "a=inactive\r\n", "c=IN IP4 0.0.0.0\r\n"});
    lines += pick({"", "a=rtcp-mux\r\n"}) + pick({"", "a=mid:m" + std::to_string(index) + "\r\n"});
    lines += pick({"", "a=extmap:5 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"});
    return head + "\r\n" + lines;
  }

  std::mt19937 random_;
};

const Format* offered_as(const Media& media, const Format& answered) {
  const auto found = std::ranges::find(media.formats, answered.payload_type, &Format::payload_type);
  return found == media.formats.end() || found->encoding != answered.encoding ||
                 found->clock_rate != answered.clock_rate || found->channels != answered.channels
             ? nullptr
             : &*found;
}

std::string mode_of(const std::string& fmtp) {
  const size_t at = fmtp.find("packetization-mode=");
  return at == std::string::npos ? "0" : fmtp.substr(at + 19, 1);
}

void check_section(const Media& offered, const Media& answered, bool bundled) {
  EXPECT_EQ(answered.kind, offered.kind);
  EXPECT_EQ(answered.protocol, offered.protocol);
  EXPECT_EQ(answered.mid, offered.mid);
  EXPECT_FALSE(answered.raw_formats.empty());
  if (answered.port == 0) return;
  EXPECT_FALSE(answered.formats.empty());
  for (const Format& format : answered.formats) {
    const Format* origin = offered_as(offered, format);
    ASSERT_TRUE(origin) << "answered " << format.encoding << ", which was not offered";
    if (format.encoding == "H264") {
      EXPECT_EQ(mode_of(format.fmtp), mode_of(origin->fmtp));
    }
    for (const std::string& feedback : format.feedback) {
      EXPECT_NE(std::ranges::find(origin->feedback, feedback), origin->feedback.end()) << feedback;
    }
    if (format.encoding != "telephone-event") continue;
    const uint32_t rate = answered.formats[0].clock_rate;
    const bool could_fit = std::ranges::any_of(offered.formats, [&](const Format& each) {
      return each.encoding == "telephone-event" && each.clock_rate == rate;
    });
    if (could_fit) {
      EXPECT_EQ(format.clock_rate, rate);
    }
  }
  EXPECT_NE(answered.formats[0].encoding, "telephone-event");
  const auto allowed = reversed(offered.direction);
  if (allowed != Direction::sendrecv && answered.direction != Direction::inactive) {
    EXPECT_EQ(answered.direction, allowed);
  }
  // In a bundle it is read as the first section has it.
  if (!bundled) {
    EXPECT_TRUE(!answered.rtcp_mux || offered.rtcp_mux);
  }
  for (const Extension& each : answered.extensions) {
    EXPECT_TRUE(std::ranges::any_of(offered.extensions,
                                    [&](const Extension& of) { return of.id == each.id && of.uri == each.uri; }));
  }
}

TEST(SdpAnswerProperties, every_answer_fits_its_offer) {
  size_t answered_offers = 0;
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE(seed);
    const std::string text = OfferMaker(seed).make();
    const Description offer = parsed(text);
    auto capabilities = std::vector{audio(), video()};
    capabilities[1].transport_cc = seed % 2 == 0;
    capabilities[0].prefer_offer_order = capabilities[1].prefer_offer_order = seed % 3 == 0;
    const auto plan = plan_answer(offer, capabilities);
    if (!plan) {
      EXPECT_FALSE(plan.error().message.empty());
      continue;
    }
    ++answered_offers;
    const Description answer = answered(offer, *plan, seed % 2 ? ice_transport() : plain_transport());
    ASSERT_EQ(answer.media.size(), offer.media.size()) << text;
    for (size_t i = 0; i < offer.media.size(); ++i)
      check_section(offer.media[i], answer.media[i], is_bundled(answer, answer.media[i]));
    for (const NegotiatedMedia& media : plan->media) EXPECT_NE(answer.media[media.index].port, 0);
    for (const std::string& mid : answer.bundle) {
      const auto found = std::ranges::find(answer.media, mid, &Media::mid);
      ASSERT_NE(found, answer.media.end());
      EXPECT_NE(found->port, 0);
    }
    if (::testing::Test::HasFailure()) FAIL() << text << "\n" << to_string(answer);
  }
  EXPECT_GT(answered_offers, 1000U);
}

}  // namespace
}  // namespace partyline::rtp::sdp
