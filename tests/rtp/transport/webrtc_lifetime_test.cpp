// Restarts, consent, refusals and ends of sessions between server and client.
#include <stun/stunagent.h>

#include "tests/rtp/transport/webrtc_world.hpp"

namespace partyline::rtp {
namespace {

using namespace test;
using namespace std::chrono_literals;
using boost::asio::ip::udp;

// A peer's checks, by hand.
struct Checker {
  udp::socket socket;
  StunAgent agent{};
  StunMessage message{};
  std::array<uint8_t, 512> bytes{};

  explicit Checker(boost::asio::io_context& io) : socket(io, {boost::asio::ip::make_address("127.0.0.1"), 0}) {
    stun_agent_init(
        &agent, STUN_ALL_KNOWN_ATTRIBUTES, STUN_COMPATIBILITY_RFC5389,
        static_cast<StunAgentUsageFlags>(STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT));
    socket.non_blocking(true);
  }
  void check(const IceDescription& server, uint16_t port) {
    const std::string user = server.ufrag + ":peer";
    stun_agent_init_request(&agent, &message, bytes.data(), bytes.size(), STUN_BINDING);
    stun_message_append_bytes(&message, STUN_ATTRIBUTE_USERNAME, user.data(), user.size());
    stun_message_append32(&message, STUN_ATTRIBUTE_PRIORITY, 12345);
    stun_message_append_flag(&message, STUN_ATTRIBUTE_USE_CANDIDATE);
    stun_message_append64(&message, STUN_ATTRIBUTE_ICE_CONTROLLING, 77);
    const size_t size = stun_agent_finish_message(&agent, &message, reinterpret_cast<const uint8_t*>(server.pwd.data()),
                                                  server.pwd.size());
    socket.send_to(boost::asio::buffer(bytes.data(), size), {boost::asio::ip::make_address("127.0.0.1"), port});
  }
  // The first byte of what came, 0xff: nothing.
  uint8_t received() {
    std::array<uint8_t, 2048> packet;
    boost::system::error_code ec;
    return socket.receive(boost::asio::buffer(packet), 0, ec) > 0 ? packet[0] : 0xff;
  }
};

TEST_F(WebRtcTest, after_an_ice_restart_the_old_credentials_last_until_the_new_ones_are_used) {
  connect();
  const std::string before = session->remote_address();
  const IceDescription former = session->local(), skipped = session->restart(), fresh = session->restart();
  EXPECT_NE(former.ufrag, fresh.ufrag);
  EXPECT_NE(skipped.ufrag, fresh.ufrag);
  EXPECT_EQ(session->local().ufrag, fresh.ufrag);
  EXPECT_EQ(fresh.fingerprint, former.fingerprint);
  EXPECT_EQ(fresh.candidates, former.candidates);
  Checker peer(io);
  const auto answered = [&](const IceDescription& as) {
    peer.check(as, server->port());
    for (int i = 0; i < 5; ++i)
      run_until(
          io, [] { return false; }, 5ms);
    return peer.received() == 0x01;  // a binding success response begins so
  };
  EXPECT_FALSE(answered(skipped)) << "replaced before anybody used it";
  EXPECT_TRUE(answered(former)) << "checks that are under way";
  EXPECT_TRUE(answered(fresh));
  EXPECT_FALSE(answered(former)) << "the restart has happened";
  EXPECT_NE(session->remote_address(), before) << "what is nominated now is elsewhere";

  // The association goes on: media leaves for the new address, and what the peer sends is still its own.
  session->send_rtp(rtp_packet(1, 8));
  uint8_t first = 0xff;
  ASSERT_TRUE(run_until(io, [&] {
    if (first == 0xff) first = peer.received();
    return first != 0xff;
  }));
  EXPECT_EQ(first, 0x80);
  client->send_rtp(rtp_packet(1, 7));
  ASSERT_TRUE(run_until(io, [&] { return server_events.rtp.size() == 1; }));
  EXPECT_TRUE(server_events.closed.empty());
}

TEST_F(WebRtcTest, a_restarted_session_counts_once_and_leaves_nothing_behind) {
  config.max_sessions = 1;
  connect();
  session->restart();
  EXPECT_FALSE(server->create(client->local(), server_events));
  session->close();
  RecordingEvents other;
  EXPECT_TRUE(server->create(client->local(), other));
}

TEST_F(WebRtcTest, a_new_certificate_is_for_new_sessions) {
  connect();
  const auto next_server = *DtlsIdentity::generate(), next_client = *DtlsIdentity::generate();
  server->set_identity(next_server);
  nice.set_identity(next_client);
  expect_media_both_ways();
  EXPECT_EQ(session->local().fingerprint, server_identity->fingerprint());
  client->close();
  session->close();
  client_events = server_events = {};
  introduce();
  EXPECT_EQ(session->local().fingerprint, next_server->fingerprint());
  EXPECT_EQ(client->local().fingerprint, next_client->fingerprint());
  ASSERT_TRUE(run_until(io, [&] { return client_events.connected == 1 && server_events.connected == 1; }));
  expect_media_both_ways();
}

TEST_F(WebRtcTest, media_without_checks_is_no_consent) {
  config.consent_timeout = 600ms;  // the client's checks come every 5 s
  connect();
  uint16_t sequence = 0;
  ASSERT_TRUE(run_until(
      io,
      [&] {
        client->send_rtp(rtp_packet(++sequence, 7));
        return !server_events.closed.empty();
      },
      4s));
  EXPECT_GT(server_events.rtp.size(), 1u);
  EXPECT_NE(server_events.closed[0].message.find("consent"), std::string::npos) << server_events.closed[0].message;
}

TEST_F(WebRtcTest, a_peer_that_vanishes_is_given_up) {
  config.silence_timeout = 600ms;
  connect();
  // The client's sockets go away without a word: nobody sends checks any more.
  client_events.when_closed = nullptr;
  server_events.closed.clear();
  const auto forgotten = client;
  (void)forgotten;
  ASSERT_TRUE(run_until(
      io, [&] { return !server_events.closed.empty(); }, 4s))
      << "checks every 5 s are too few for 600 ms";
  EXPECT_EQ(server_events.closed[0].code, core::ErrorCode::timeout);
}

TEST_F(WebRtcTest, a_peer_that_never_comes_is_given_up) {
  config.connect_timeout = 100ms;
  start_server();
  auto made = make_client({.remote_host = "127.0.0.1", .ice_servers = {}});
  ASSERT_TRUE(made);
  session = *server->create((*made)->local(), server_events);
  ASSERT_TRUE(run_until(
      io, [&] { return !server_events.closed.empty(); }, 2s));
  EXPECT_EQ(server_events.closed[0].code, core::ErrorCode::timeout);
}

TEST_F(WebRtcTest, a_client_whose_server_is_dead_gives_up_in_time) {
  start_server();
  introduce({.remote_host = "127.0.0.1", .ice_servers = {}, .connect_timeout = 300ms}, {},
            [](IceDescription& answer) { answer.candidates = {"1 1 udp 2130706431 127.0.0.1 9 typ host"}; });
  ASSERT_TRUE(run_until(
      io, [&] { return !client_events.closed.empty(); }, 3s));
  EXPECT_EQ(client_events.closed.size(), 1u);
}

TEST_F(WebRtcTest, a_certificate_other_than_the_answer_named_is_refused) {
  start_server();
  introduce({.remote_host = "127.0.0.1", .ice_servers = {}}, {},
            [this](IceDescription& answer) { answer.fingerprint = client_identity->fingerprint(); });
  ASSERT_TRUE(run_until(io, [&] { return !client_events.closed.empty(); }));
  EXPECT_EQ(client_events.closed[0].code, core::ErrorCode::unauthorized);
  EXPECT_EQ(client_events.connected, 0);
}

TEST_F(WebRtcTest, a_certificate_other_than_the_offer_named_is_refused) {
  start_server();
  introduce({.remote_host = "127.0.0.1", .ice_servers = {}},
            [this](IceDescription& offer) { offer.fingerprint = server_identity->fingerprint(); });
  ASSERT_TRUE(run_until(io, [&] { return !server_events.closed.empty(); }));
  EXPECT_EQ(server_events.closed[0].code, core::ErrorCode::unauthorized);
  EXPECT_EQ(server_events.connected, 0);
}

TEST_F(WebRtcTest, checks_with_a_wrong_password_are_ignored_and_counted) {
  auto& forged = core::counter("partyline_ice_dropped_total", R"(reason="stun_forged")");
  const auto before = forged.value();
  start_server();
  introduce({.remote_host = "127.0.0.1", .ice_servers = {}}, {},
            [](IceDescription& answer) { answer.pwd = "wrong0wrong0wrong0wrong0"; });
  ASSERT_TRUE(run_until(io, [&] { return forged.value() > before; }));
  EXPECT_EQ(session->remote_address(), "");
  EXPECT_EQ(server_events.connected, 0);
}

TEST_F(WebRtcTest, a_flood_of_garbage_does_not_disturb_a_session) {
  connect();
  udp::socket stranger(io, udp::endpoint(udp::v4(), 0));
  const udp::endpoint target(boost::asio::ip::make_address("127.0.0.1"), server->port());
  std::vector<uint8_t> garbage(1400);
  for (int i = 0; i < 3000; ++i) {
    for (size_t j = 0; j < garbage.size(); j += 7) garbage[j] = static_cast<uint8_t>(i * 31 + j);
    boost::system::error_code ignored;
    stranger.send_to(boost::asio::buffer(garbage.data(), static_cast<size_t>(i % 1400)), target, 0, ignored);
    if (i % 50 == 0) io.poll();
  }
  io.poll();
  expect_media_both_ways();
  EXPECT_TRUE(server_events.closed.empty());
}

TEST_F(WebRtcTest, limits_and_malformed_descriptions_are_errors_in_words) {
  config.max_sessions = 0;
  start_server();
  auto made = make_client({.remote_host = "127.0.0.1", .ice_servers = {}});
  ASSERT_TRUE(made);
  const auto refused = server->create((*made)->local(), server_events);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, core::ErrorCode::limit);
  IceDescription answer = (*made)->local();
  answer.setup = "passive";
  answer.candidates = {};
  answer.fingerprint = "12:34";
  EXPECT_EQ((*made)->set_remote(answer).error().code, core::ErrorCode::invalid);
}

TEST_F(WebRtcTest, an_unknown_host_is_an_error) {
  const auto made = make_client({.remote_host = "no-such-host.invalid", .ice_servers = {}});
  EXPECT_FALSE(made);
}

TEST_F(WebRtcTest, stopping_the_server_tells_every_session_once) {
  connect();
  server->stop();
  server->stop();
  EXPECT_EQ(server_events.closed.size(), 1u);
  EXPECT_FALSE(server->create(client->local(), server_events));
}

TEST_F(WebRtcTest, two_hundred_transports_come_and_go) {
  start_server();
  for (int i = 0; i < 200; ++i) {
    auto made = make_client({.remote_host = "127.0.0.1", .ice_servers = {}});
    ASSERT_TRUE(made) << made.error().message;
    auto transport = *std::move(made);
    auto created = *server->create(transport->local(), server_events);
    if (i % 3 != 0) {
      ASSERT_TRUE(transport->set_remote(created->local()));
    }
    if (i % 3 == 2) io.poll();
    if (i % 2 == 0) transport->close();
  }
  EXPECT_EQ(client_events.closed.size(), 0u);
}

}  // namespace
}  // namespace partyline::rtp
