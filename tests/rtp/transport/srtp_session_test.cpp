#include "rtp/transport/srtp_session.hpp"

#include <gtest/gtest.h>

#include "core/counters.hpp"
#include "tests/rtp/transport/support.hpp"

namespace partyline::rtp {
namespace {

using namespace test;

struct SrtpSessionTest : testing::TestWithParam<SrtpProfile> {
  std::unique_ptr<SrtpSession> a, b;

  SrtpSessionTest() {
    const auto sizes = *srtp_key_sizes(GetParam());
    std::vector<uint8_t> one(sizes.key + sizes.salt, 0x11), two(sizes.key + sizes.salt, 0x22);
    a = *SrtpSession::create(GetParam(), one, two);
    b = *SrtpSession::create(GetParam(), two, one);
  }
  static std::vector<uint8_t> sealed(SrtpSession& by, std::vector<uint8_t> packet, bool rtcp = false) {
    const size_t size = packet.size();
    packet.resize(size + SrtpSession::kTrailer);
    const auto result = rtcp ? by.protect_rtcp(packet.data(), size) : by.protect_rtp(packet.data(), size);
    EXPECT_TRUE(result);
    packet.resize(result.value_or(0));
    return packet;
  }
};

INSTANTIATE_TEST_SUITE_P(Profiles, SrtpSessionTest,
                         testing::Values(SrtpProfile::aes128_cm_sha1_80, SrtpProfile::aes128_cm_sha1_32,
                                         SrtpProfile::aead_aes_128_gcm, SrtpProfile::aead_aes_256_gcm));

TEST_P(SrtpSessionTest, rtp_and_rtcp_come_out_as_they_went_in) {
  for (const uint16_t sequence : {65534, 65535, 0, 1}) {
    auto packet = sealed(*a, rtp_packet(sequence, 3));
    const auto size = b->unprotect_rtp(packet.data(), packet.size());
    ASSERT_TRUE(size);
    packet.resize(*size);
    EXPECT_EQ(packet, rtp_packet(sequence, 3));
  }
  auto report = sealed(*b, rtcp_packet(5), true);
  const auto size = a->unprotect_rtcp(report.data(), report.size());
  ASSERT_TRUE(size);
  report.resize(*size);
  EXPECT_EQ(report, rtcp_packet(5));
}

TEST_P(SrtpSessionTest, a_replayed_packet_is_dropped_and_counted) {
  auto& replays = core::counter("partyline_srtp_dropped_total", R"(reason="replay")");
  const auto before = replays.value();
  const auto packet = sealed(*a, rtp_packet(0, 3));
  auto first = packet, second = packet;
  EXPECT_TRUE(b->unprotect_rtp(first.data(), first.size()));
  EXPECT_FALSE(b->unprotect_rtp(second.data(), second.size()));
  EXPECT_EQ(replays.value(), before + 1);
}

TEST_P(SrtpSessionTest, a_forged_or_cut_packet_is_dropped) {
  const auto packet = sealed(*a, rtp_packet(32768, 3));
  for (size_t i = 1; i < packet.size(); ++i) {
    auto forged = packet;
    forged[i] ^= 0x40;
    EXPECT_FALSE(b->unprotect_rtp(forged.data(), forged.size())) << "byte " << i;
    auto cut = packet;
    EXPECT_FALSE(b->unprotect_rtp(cut.data(), i)) << "size " << i;
  }
  const auto report = sealed(*a, rtcp_packet(1), true);
  for (size_t size = 0; size < report.size(); ++size) {
    auto cut = report;
    EXPECT_FALSE(b->unprotect_rtcp(cut.data(), size)) << "size " << size;
  }
}

TEST_P(SrtpSessionTest, the_same_packet_may_be_resent_by_us) {
  const auto first = sealed(*a, rtp_packet(7, 3));
  sealed(*a, rtp_packet(8, 3));
  EXPECT_EQ(sealed(*a, rtp_packet(7, 3)), first);
}

TEST_P(SrtpSessionTest, a_peer_cannot_make_us_keep_endless_ssrcs) {
  for (uint32_t ssrc = 0; ssrc < SrtpSession::kMaxSsrcs; ++ssrc) {
    auto packet = sealed(*a, rtp_packet(1, ssrc));
    ASSERT_TRUE(b->unprotect_rtp(packet.data(), packet.size()));
  }
  auto one_more = sealed(*a, rtp_packet(1, SrtpSession::kMaxSsrcs));
  EXPECT_FALSE(b->unprotect_rtp(one_more.data(), one_more.size()));
  auto known = sealed(*a, rtp_packet(2, 0));
  EXPECT_TRUE(b->unprotect_rtp(known.data(), known.size()));
}

TEST(SrtpSession, keys_of_the_wrong_size_are_refused) {
  const std::vector<uint8_t> key(28);
  EXPECT_FALSE(SrtpSession::create(SrtpProfile::aes128_cm_sha1_80, key, key));
  EXPECT_TRUE(SrtpSession::create(SrtpProfile::aead_aes_128_gcm, key, key));
}

}  // namespace
}  // namespace partyline::rtp
