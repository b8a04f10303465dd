// Offers and answers of real programs (tests/data/sdp), and short cuts to negotiate with them.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "rtp/sdp/negotiation.hpp"
#include "tests/support/paths.hpp"

namespace partyline::rtp::sdp {

inline std::string sample_text(const std::string& name) {
  std::ifstream in(test::source_dir() + "/tests/data/sdp/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline Description parsed(const std::string& text) {
  auto result = parse(text);
  EXPECT_TRUE(result) << result.error().message << "\n" << text;
  return result ? *result : Description{};
}

inline Description sample(const std::string& name) {
  return parsed(sample_text(name));
}

/// "v=0 … t=0 0" and the given lines.
inline std::string session(const std::string& lines) {
  return "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n" + lines;
}

inline MediaCapabilities audio(std::vector<core::Codec> codecs = {core::Codec::opus, core::Codec::g722,
                                                                  core::Codec::pcmu, core::Codec::pcma}) {
  return {.kind = core::MediaKind::audio, .codecs = std::move(codecs)};
}

inline MediaCapabilities video(std::vector<core::Codec> codecs = {core::Codec::h264, core::Codec::vp8}) {
  return {.kind = core::MediaKind::video, .codecs = std::move(codecs)};
}

inline AnswerPlan planned(const Description& offer, const std::vector<MediaCapabilities>& capabilities) {
  auto plan = plan_answer(offer, capabilities);
  EXPECT_TRUE(plan) << plan.error().message;
  return plan ? *plan : AnswerPlan{};
}

inline LocalTransport plain_transport(uint16_t port = 20000) {
  return {.address = "198.51.100.1",
          .port = port,
          .rtcp_port = static_cast<uint16_t>(port + 1),
          .rtcp_mux = true,
          .ssrc = 7777,
          .cname = "partyline"};
}

inline LocalTransport ice_transport() {
  LocalTransport transport{.address = "127.0.0.1",
                           .port = 9,
                           .rtcp_mux = true,
                           .ssrc = 4242,
                           .cname = "partyline",
                           .msid_stream = "mix",
                           .msid_track = "t"};
  transport.ice = IceDescription{.ufrag = "uuuu",
                                 .pwd = "pppppppppppppppppppppp",
                                 .lite = true,
                                 .candidates = {"1 1 udp 2130706431 127.0.0.1 8000 typ host"},
                                 .fingerprint_hash = "sha-256",
                                 .fingerprint = "AB:CD",
                                 .setup = "passive"};
  return transport;
}

/// The answer as the peer reads it.
inline Description answered(const Description& offer, const AnswerPlan& plan, const LocalTransport& transport) {
  return parsed(to_string(write_answer(offer, plan, std::vector<LocalTransport>(plan.media.size(), transport), 1, 1)));
}

}  // namespace partyline::rtp::sdp
