#include "rtp/transport/ice_fragment.hpp"

#include <gtest/gtest.h>

namespace partyline::rtp {
namespace {

TEST(IceFragment, IsReadAsItWasWritten) {
  IceDescription half;
  half.ufrag = "EsAw";
  half.pwd = "P2uYro0UCOQ4zxjKXaWCBui1";
  half.lite = true;
  half.candidates = {"1 1 udp 2130706431 192.0.2.1 8000 typ host", "2 1 tcp 1 192.0.2.1 8000 typ host tcptype passive"};
  const std::string text = write_ice_fragment(half, "video", "1");
  EXPECT_EQ(text,
            "a=ice-lite\r\na=ice-options:ice2\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:1\r\na=ice-ufrag:EsAw\r\n"
            "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\na=candidate:1 1 udp 2130706431 192.0.2.1 8000 typ host\r\n"
            "a=candidate:2 1 tcp 1 192.0.2.1 8000 typ host tcptype passive\r\na=end-of-candidates\r\n");
  const IceDescription read = parse_ice_fragment(text);
  EXPECT_EQ(read.ufrag, half.ufrag);
  EXPECT_EQ(read.pwd, half.pwd);
  EXPECT_EQ(read.candidates, half.candidates);
  EXPECT_TRUE(read.lite);
  EXPECT_TRUE(has_ice_credentials(read));
}

TEST(IceFragment, OfTheDraftsExampleHasNoSection) {
  const auto read =
      parse_ice_fragment("a=ice-lite\na=ice-ufrag:289b31b754eaa438\na=ice-pwd:0b66f472495ef0ccac7bda65\n");
  EXPECT_EQ(read.ufrag, "289b31b754eaa438");
  EXPECT_TRUE(has_ice_credentials(read));
  EXPECT_TRUE(read.candidates.empty());
}

TEST(IceFragment, WhatDoesNotBelongInSdpIsNoCredential) {
  for (const char* text :
       {"", "a=ice-ufrag:abcd", "a=ice-pwd:0123456789012345678901", "hello\r\n\r\n",
        "a=ice-ufrag:abc\r\na=ice-pwd:0123456789012345678901", "a=ice-ufrag:ab d\r\na=ice-pwd:0123456789012345678901",
        "a=ice-ufrag:abcd\r\na=ice-pwd:012345678901234567890"}) {
    EXPECT_FALSE(has_ice_credentials(parse_ice_fragment(text))) << text;
  }
}

TEST(IceFragment, TakesNoMoreCandidatesThanItsLimit) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n";
  EXPECT_EQ(parse_ice_fragment(text).candidates.size(), kMaxFragmentCandidates);
}

}  // namespace
}  // namespace partyline::rtp
