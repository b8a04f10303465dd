#include "rtp/transport/ice_candidate.hpp"

#include <gtest/gtest.h>

namespace partyline::rtp {
namespace {

TEST(ParseCandidate, reads_what_servers_and_browsers_write) {
  const auto srs = parse_candidate("0 1 udp 2130706431 127.0.0.1 8000 typ host generation 0");
  ASSERT_TRUE(srs) << srs.error().message;
  EXPECT_EQ(srs->address, boost::asio::ip::make_address("127.0.0.1"));
  EXPECT_EQ(srs->port, 8000);
  EXPECT_EQ(srs->priority, 2130706431u);
  EXPECT_EQ(srs->type, IceCandidate::Type::host);

  const auto browser = parse_candidate(
      "a=candidate:842163049 1 UDP 1677729535 2001:db8::1 62401 typ srflx raddr 0.0.0.0 rport 0 ufrag x network-id 1");
  ASSERT_TRUE(browser) << browser.error().message;
  EXPECT_EQ(browser->type, IceCandidate::Type::server_reflexive);
  EXPECT_TRUE(browser->address->is_v6());

  const auto tcp = parse_candidate("1 1 tcp 1671430143 192.0.2.1 8000 typ host tcptype passive");
  ASSERT_TRUE(tcp);
  EXPECT_EQ(tcp->transport, IceCandidate::Transport::tcp_passive);
}

TEST(ParseCandidate, host_names_are_no_error_but_no_address_either) {
  const auto mdns = parse_candidate("1 1 udp 2113937151 0f3c5f02-6a4b.local 50000 typ host");
  ASSERT_TRUE(mdns);
  EXPECT_FALSE(mdns->address);
}

TEST(ParseCandidate, nonsense_is_invalid_and_foreign_transports_unsupported) {
  for (const char* text :
       {"", " ", "candidate:", "1 1 udp 1 127.0.0.1 1 typ", "1 1 udp 1 127.0.0.1 1 type host",
        "1 0 udp 1 127.0.0.1 1 typ host", "1 257 udp 1 127.0.0.1 1 typ host", "1 1 udp 4294967296 127.0.0.1 1 typ host",
        "1 1 udp -1 127.0.0.1 1 typ host", "1 1 udp 1 127.0.0.1 65536 typ host", "1 1 udp 1 127.0.0.1 1x typ host",
        "1 1 udp 1 127.0.0.1 1 typ guest", "1 1 tcp 1 127.0.0.1 1 typ host", "1 1 tcp 1 127.0.0.1 1 typ host tcptype",
        "a%b 1 udp 1 127.0.0.1 1 typ host", "123456789012345678901234567890123 1 udp 1 127.0.0.1 1 typ host"}) {
    const auto result = parse_candidate(text);
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().code, core::ErrorCode::invalid) << text;
  }
  EXPECT_FALSE(parse_candidate(std::string(513, ' ')));
  EXPECT_EQ(parse_candidate("1 1 sctp 1 127.0.0.1 1 typ host").error().code, core::ErrorCode::unsupported);
}

TEST(ParseIceServerUrl, knows_stun_and_turn) {
  const auto stun = parse_ice_server_url("stun:stun.example.org");
  ASSERT_TRUE(stun);
  EXPECT_FALSE(stun->turn);
  EXPECT_EQ(stun->port, 3478);
  const auto turn = parse_ice_server_url("turn:[2001:db8::1]:3479?transport=tcp");
  ASSERT_TRUE(turn);
  EXPECT_TRUE(turn->turn && turn->tcp);
  EXPECT_EQ(turn->host, "2001:db8::1");
  EXPECT_EQ(turn->port, 3479);
  const auto turns = parse_ice_server_url("turns:a.example?transport=tcp");
  ASSERT_TRUE(turns);
  EXPECT_TRUE(turns->turn && turns->tcp && turns->tls);
  EXPECT_EQ(turns->port, 5349);
  EXPECT_EQ(parse_ice_server_url("turns:a.example:443")->port, 443);
  EXPECT_FALSE(turn->tls);
  for (const char* text : {"turns:a.example?transport=udp", "stuns:a.example"}) {
    EXPECT_EQ(parse_ice_server_url(text).error().code, core::ErrorCode::unsupported) << text;
  }
  for (const char* text : {"", "http://a", "stun:", "turn::3478", "turn:a:0", "turn:a:65536", "turn:a:x", "turn:[::1",
                           "turn:a?transport=sctp", "turn:[::1]x"}) {
    EXPECT_FALSE(parse_ice_server_url(text)) << text;
  }
}

}  // namespace
}  // namespace partyline::rtp
