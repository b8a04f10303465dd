// RFC 4475: each torture message is sent over UDP and TCP; after it, OPTIONS must still be answered.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/sip/support.hpp"
#include "tests/support/paths.hpp"

namespace partyline::sip {
namespace {

std::filesystem::path torture_folder() {
  return std::filesystem::path(test::conformance_dir()) / "rfc4475";
}

class TortureTest : public ::testing::TestWithParam<bool> {};

TEST_P(TortureTest, options_is_answered_after_every_torture_message) {
  const auto folder = torture_folder();
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no RFC 4475 messages at " << folder;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  App app;
  app.auto_answer();
  ASSERT_TRUE(app.agent->start());
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    const std::string message((std::istreambuf_iterator<char>(in)), {});
    std::string adapted = message;  // most name UDP in Via and would be thrown away for that over TCP
    for (size_t at = 0; GetParam() && (at = adapted.find("SIP/2.0/UDP", at)) != std::string::npos;)
      adapted.replace(at, 11, "SIP/2.0/TCP");
    for (const auto& text : {message, adapted}) {
      RawPhone hostile(app.agent->port(), GetParam());
      hostile.send(text);
      // What arrives is not judged: some of the messages are unanswerable. The order on the server is, though.
      RawPhone phone(app.agent->port(), GetParam());
      phone.request("OPTIONS", 1);
      ASSERT_NE(phone.response(200, "OPTIONS"), "") << "after " << file.filename();
    }
  }
}

TEST_P(TortureTest, noise_truncated_and_bent_messages_are_survived) {
  App app;
  app.auto_answer();
  ASSERT_TRUE(app.agent->start());
  const std::string good =
      "INVITE sip:r@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/" + std::string(GetParam() ? "TCP" : "UDP") +
      " 127.0.0.1:9;branch=z9hG4bKa\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:r@b>\r\nCall-ID: c\r\nCSeq: 1 "
      "INVITE\r\nContact: <sip:a@127.0.0.1:9>\r\nSession-Expires: 100\r\nRequire: 100rel\r\nContent-Type: "
      "application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n";
  uint32_t seed = 12345;
  for (int round = 0; round < 300; ++round) {
    std::string bent = good;
    for (int flips = 0; flips < 3; ++flips) {
      seed = seed * 1664525u + 1013904223u;
      bent[(seed >> 8) % bent.size()] = static_cast<char>(seed >> 24);
    }
    if (round % 3 == 0) bent.resize((seed >> 4) % bent.size());
    RawPhone hostile(app.agent->port(), GetParam());
    hostile.send(bent);
  }
  RawPhone phone(app.agent->port(), GetParam());
  phone.request("OPTIONS", 1);
  EXPECT_NE(phone.response(200, "OPTIONS"), "");
}

TEST_P(TortureTest, a_malformed_header_is_answered_with_400_and_its_name) {
  App app;
  ASSERT_TRUE(app.agent->start());
  RawPhone phone(app.agent->port(), GetParam());
  phone.request("INVITE", 1, "Session-Expires: soon\r\n", kOffer);
  const std::string refusal = phone.final_response("INVITE");
  EXPECT_TRUE(is_status(refusal, 400)) << refusal;
}

INSTANTIATE_TEST_SUITE_P(Transports, TortureTest, ::testing::Bool(),
                         [](const auto& transport) { return transport.param ? "tcp" : "udp"; });

}  // namespace
}  // namespace partyline::sip
