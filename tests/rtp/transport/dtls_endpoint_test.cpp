#include "rtp/transport/dtls_endpoint.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <thread>

#include "rtp/transport/secure_channel.hpp"
#include "tests/rtp/transport/support.hpp"

namespace partyline::rtp {
namespace {

using namespace test;
using State = DtlsEndpoint::State;
using Datagrams = std::deque<std::vector<uint8_t>>;

struct DtlsEndpointTest : testing::Test {
  std::shared_ptr<const DtlsIdentity> client_identity = *DtlsIdentity::generate();
  std::shared_ptr<const DtlsIdentity> server_identity = *DtlsIdentity::generate();
  Datagrams to_server, to_client;
  DtlsEndpoint client{client_identity,
                      DtlsRole::client,
                      {"sha-256", server_identity->fingerprint()},
                      [this](std::span<const uint8_t> d) { to_server.emplace_back(d.begin(), d.end()); }};
  DtlsEndpoint server{server_identity,
                      DtlsRole::server,
                      {"SHA-256", client_identity->fingerprint()},
                      [this](std::span<const uint8_t> d) { to_client.emplace_back(d.begin(), d.end()); }};

  void exchange(DtlsEndpoint& a, DtlsEndpoint& b) {
    for (int i = 0; i < 100 && !(to_server.empty() && to_client.empty()); ++i) {
      for (auto& d : std::exchange(to_server, {})) b.receive(d);
      for (auto& d : std::exchange(to_client, {})) a.receive(d);
    }
  }
};

TEST_F(DtlsEndpointTest, two_endpoints_agree_on_keys_that_fit) {
  server.start();
  client.start();
  exchange(client, server);
  ASSERT_EQ(client.state(), State::established) << client.error().message;
  ASSERT_EQ(server.state(), State::established) << server.error().message;
  EXPECT_FALSE(client.next_timeout());
  auto client_srtp = client.take_srtp(), server_srtp = server.take_srtp();
  for (const uint16_t sequence : {65534, 65535, 0, 1}) {
    const auto plain = rtp_packet(sequence, 9);
    auto packet = plain;
    packet.resize(plain.size() + SrtpSession::kTrailer);
    const auto sealed = client_srtp->protect_rtp(packet.data(), plain.size());
    ASSERT_TRUE(sealed);
    EXPECT_NE(std::memcmp(packet.data() + 12, plain.data() + 12, plain.size() - 12), 0);
    const auto opened = server_srtp->unprotect_rtp(packet.data(), *sealed);
    ASSERT_TRUE(opened);
    packet.resize(*opened);
    EXPECT_EQ(packet, plain);
  }
}

TEST_F(DtlsEndpointTest, no_datagram_is_longer_than_the_mtu) {
  client.start();
  for (int i = 0; i < 20; ++i) {
    for (auto& d : std::exchange(to_server, {})) {
      EXPECT_LE(d.size(), DtlsEndpoint::kMtu);
      server.receive(d);
    }
    for (auto& d : std::exchange(to_client, {})) {
      EXPECT_LE(d.size(), DtlsEndpoint::kMtu);
      client.receive(d);
    }
  }
  EXPECT_EQ(client.state(), State::established);
}

TEST_F(DtlsEndpointTest, a_certificate_that_the_sdp_did_not_name_is_refused) {
  DtlsEndpoint suspicious{client_identity,
                          DtlsRole::client,
                          {"sha-256", client_identity->fingerprint()},
                          [this](std::span<const uint8_t> d) { to_server.emplace_back(d.begin(), d.end()); }};
  suspicious.start();
  exchange(suspicious, server);
  EXPECT_EQ(suspicious.state(), State::failed);
  EXPECT_EQ(suspicious.error().code, core::ErrorCode::unauthorized);
  EXPECT_EQ(suspicious.take_srtp(), nullptr);
}

TEST_F(DtlsEndpointTest, a_first_flight_that_went_nowhere_is_repeated_when_the_path_is_ready) {
  client.start();
  EXPECT_FALSE(to_server.empty());
  to_server.clear();  // ICE was not ready
  client.resend();
  exchange(client, server);
  EXPECT_EQ(client.state(), State::established);
  EXPECT_EQ(server.state(), State::established);
}

TEST_F(DtlsEndpointTest, lost_flights_of_either_side_are_repeated) {
  client.start();
  to_server.clear();
  client.resend();
  for (auto& d : std::exchange(to_server, {})) server.receive(d);
  ASSERT_FALSE(to_client.empty());
  to_client.clear();
  server.resend();
  exchange(client, server);
  EXPECT_EQ(client.state(), State::established);
  EXPECT_EQ(server.state(), State::established);
}

TEST_F(DtlsEndpointTest, the_first_timer_is_a_tenth_of_a_second) {
  client.start();
  ASSERT_TRUE(client.next_timeout());
  EXPECT_LE(*client.next_timeout(), std::chrono::milliseconds(101));
}

TEST_F(DtlsEndpointTest, close_notify_reaches_the_peer) {
  client.start();
  exchange(client, server);
  client.close();
  exchange(client, server);
  EXPECT_EQ(server.state(), State::closed);
  EXPECT_EQ(client.state(), State::closed);
}

TEST_F(DtlsEndpointTest, garbage_before_and_during_the_handshake_is_harmless) {
  std::vector<uint8_t> garbage(600);
  for (int seed = 0; seed < 200; ++seed) {
    for (size_t i = 0; i < garbage.size(); ++i) garbage[i] = static_cast<uint8_t>(i * seed + (i >> 3) * 31 + seed);
    garbage[0] = static_cast<uint8_t>(20 + seed % 44);
    if (seed % 2 == 0) garbage[1] = 254, garbage[2] = 253;
    server.receive(std::span(garbage).first(13 + static_cast<size_t>(seed) * 2));
    client.receive(std::span(garbage).first(13 + static_cast<size_t>(seed) * 2));
  }
  to_client.clear();
  client.start();
  exchange(client, server);
  EXPECT_EQ(client.state(), State::established) << client.error().message;
  EXPECT_EQ(server.state(), State::established) << server.error().message;
}

TEST(SecurePeer, takes_its_role_and_fingerprint_from_the_description) {
  IceDescription remote;
  remote.fingerprint_hash = "SHA-1";
  remote.setup = "actpass";
  for (int i = 0; i < 20; ++i) remote.fingerprint += i == 0 ? "aB" : ":01";
  ASSERT_TRUE(SecurePeer::from(remote));
  EXPECT_STREQ(SecurePeer::from(remote)->our_setup(), "passive");
  remote.setup = "active";
  EXPECT_STREQ(SecurePeer::from(remote)->our_setup(), "passive");
  remote.setup = "passive";
  EXPECT_STREQ(SecurePeer::from(remote)->our_setup(), "active");
  remote.setup = "holdconn";
  EXPECT_FALSE(SecurePeer::from(remote));
  remote.setup = "active";
  remote.fingerprint_hash = "sha-256";
  EXPECT_FALSE(SecurePeer::from(remote)) << "twenty bytes are no SHA-256";
  remote.fingerprint_hash = "md5";
  EXPECT_FALSE(SecurePeer::from(remote));
}

}  // namespace
}  // namespace partyline::rtp
