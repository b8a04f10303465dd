// The ICE-lite server and the full-ICE client against each other on 127.0.0.1.
#include <gtest/gtest.h>
#include <stun/stunagent.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <set>

#include "core/counters.hpp"
#include "rtp/transport/host_addresses.hpp"
#include "rtp/transport/ice_candidate.hpp"
#include "rtp/transport/ice_lite_server.hpp"
#include "rtp/transport/nice_transport.hpp"
#include "tests/rtp/transport/support.hpp"

namespace partyline::rtp {
namespace {

using namespace test;
using namespace std::chrono_literals;
using boost::asio::ip::udp;

struct WebRtcTest : testing::Test {
  boost::asio::io_context io;
  std::shared_ptr<const DtlsIdentity> server_identity = *DtlsIdentity::generate();
  std::shared_ptr<const DtlsIdentity> client_identity = *DtlsIdentity::generate();
  NiceService nice{client_identity};
  IceLiteConfig config{.listen_address = "127.0.0.1",
                       .port = 0,
                       .advertised_addresses = {},
                       .connect_timeout = 5s,
                       .silence_timeout = 5s,
                       .consent_timeout = 15s,
                       .max_sessions = 1000};
  std::unique_ptr<IceLiteServer> server;
  RecordingEvents client_events, server_events;
  std::shared_ptr<NiceTransport> client;
  std::shared_ptr<IceLiteTransport> session;

  void start_server() {
    server = std::make_unique<IceLiteServer>(io.get_executor(), config, server_identity);
    const auto started = server->start();
    ASSERT_TRUE(started) << started.error().message;
  }

  core::Result<std::shared_ptr<NiceTransport>> make_client(NiceConfig client_config) {
    std::optional<core::Result<std::shared_ptr<NiceTransport>>> made;
    boost::asio::co_spawn(io, nice.create(std::move(client_config), client_events),
                          [&](std::exception_ptr failure, core::Result<std::shared_ptr<NiceTransport>> result) {
                            if (failure) std::rethrow_exception(failure);
                            made = std::move(result);
                          });
    EXPECT_TRUE(run_until(io, [&] { return made.has_value(); }));
    return *std::move(made);
  }

  // Up to the point where both know each other's description.
  void introduce(NiceConfig client_config = {.remote_host = "127.0.0.1", .ice_servers = {}},
                 const std::function<void(IceDescription&)>& change_offer = {},
                 const std::function<void(IceDescription&)>& change_answer = {}) {
    auto made = make_client(std::move(client_config));
    ASSERT_TRUE(made) << made.error().message;
    client = *made;
    IceDescription offer = client->local();
    if (change_offer) change_offer(offer);
    auto created = server->create(offer, server_events);
    ASSERT_TRUE(created) << created.error().message;
    session = *created;
    IceDescription answer = session->local();
    if (change_answer) change_answer(answer);
    const auto set = client->set_remote(answer);
    ASSERT_TRUE(set) << set.error().message;
  }

  void connect() {
    start_server();
    introduce();
    ASSERT_TRUE(run_until(io, [&] { return client_events.connected == 1 && server_events.connected == 1; }));
  }

  void expect_media_both_ways() {
    for (const uint16_t sequence : {65535, 0}) {
      client->send_rtp(rtp_packet(sequence, 7, 1100));
      session->send_rtp(rtp_packet(sequence, 8, 1100));
    }
    client->send_rtcp(rtcp_packet(7));
    session->send_rtcp(rtcp_packet(8));
    ASSERT_TRUE(run_until(io, [&] {
      return client_events.rtp.size() == 2 && server_events.rtp.size() == 2 && !client_events.rtcp.empty() &&
             !server_events.rtcp.empty();
    }));
    EXPECT_EQ(server_events.rtp[0], rtp_packet(65535, 7, 1100));
    EXPECT_EQ(server_events.rtp[1], rtp_packet(0, 7, 1100));
    EXPECT_EQ(client_events.rtp[0], rtp_packet(65535, 8, 1100));
    EXPECT_EQ(client_events.rtp[1], rtp_packet(0, 8, 1100));
    EXPECT_EQ(server_events.rtcp[0], rtcp_packet(7));
    EXPECT_EQ(client_events.rtcp[0], rtcp_packet(8));
  }

  ~WebRtcTest() override {
    if (client) client->close();
    if (session) session->close();
    server.reset();
    io.poll();
  }
};

TEST_F(WebRtcTest, rtp_and_rtcp_flow_both_ways) {
  connect();
  expect_media_both_ways();
  EXPECT_EQ(client->remote_address(), "127.0.0.1:" + std::to_string(server->port()));
  EXPECT_TRUE(session->remote_address().starts_with("127.0.0.1:"));
  EXPECT_TRUE(session->local().lite);
  EXPECT_EQ(client->local().setup, "actpass");
  EXPECT_EQ(session->local().setup, "passive");
}

TEST_F(WebRtcTest, the_server_may_be_the_dtls_client) {
  start_server();
  introduce({.remote_host = "127.0.0.1", .ice_servers = {}}, [](IceDescription& offer) { offer.setup = "passive"; });
  EXPECT_EQ(session->local().setup, "active");
  ASSERT_TRUE(run_until(io, [&] { return client_events.connected == 1 && server_events.connected == 1; }));
  expect_media_both_ways();
}

TEST_F(WebRtcTest, a_server_on_the_wildcard_answers_from_the_address_it_was_asked_on) {
  config.listen_address = "0.0.0.0";
  start_server();
  introduce();
  EXPECT_TRUE(session->local().candidates.back().find(" 127.0.0.1 ") != std::string::npos) << "loopback comes last";
  ASSERT_TRUE(run_until(io, [&] { return client_events.connected == 1 && server_events.connected == 1; }));
  expect_media_both_ways();
}

TEST_F(WebRtcTest, one_socket_serves_both_ip_versions) {
  config.listen_address = "::";
  config.advertised_addresses = {"127.0.0.1"};
  start_server();
  introduce();
  ASSERT_TRUE(run_until(io, [&] { return client_events.connected == 1 && server_events.connected == 1; }));
  expect_media_both_ways();
}

TEST_F(WebRtcTest, ipv6_works_end_to_end) {
  config.listen_address = "::1";
  config.advertised_addresses = {};
  server = std::make_unique<IceLiteServer>(io.get_executor(), config, server_identity);
  if (!server->start()) GTEST_SKIP() << "this machine has no IPv6 loopback";
  introduce({.remote_host = "::1", .ice_servers = {}});
  ASSERT_TRUE(run_until(io, [&] { return client_events.connected == 1 && server_events.connected == 1; }));
  expect_media_both_ways();
}

TEST_F(WebRtcTest, the_server_hears_when_the_client_closes) {
  connect();
  client->close();
  ASSERT_TRUE(run_until(
      io, [&] { return !server_events.closed.empty(); }, 2s));
  EXPECT_EQ(server_events.closed[0].code, core::ErrorCode::unavailable);
  EXPECT_TRUE(client_events.closed.empty()) << "nothing is said after close()";
}

TEST_F(WebRtcTest, the_client_hears_when_the_server_closes) {
  connect();
  session->close();
  ASSERT_TRUE(run_until(
      io, [&] { return !client_events.closed.empty(); }, 2s));
  EXPECT_TRUE(server_events.closed.empty());
  client->send_rtp(rtp_packet(1, 1));
  session->send_rtp(rtp_packet(1, 1));
}

TEST_F(WebRtcTest, a_transport_may_be_closed_from_inside_its_own_events) {
  start_server();
  introduce();
  server_events.when_connected = [this] { session->close(); };
  client_events.when_closed = [this] { client->close(); };
  ASSERT_TRUE(run_until(io, [&] { return client_events.closed.size() == 1; }));
}

TEST_F(WebRtcTest, dropping_a_session_without_close_is_a_close) {
  connect();
  session.reset();
  ASSERT_TRUE(run_until(
      io, [&] { return !client_events.closed.empty(); }, 2s));
}

void leave_only(IceDescription& description, const std::string& transport) {
  std::erase_if(description.candidates,
                [&](const std::string& text) { return text.find(" 1 " + transport + " ") == std::string::npos; });
}

TEST_F(WebRtcTest, every_address_has_a_udp_and_a_tcp_candidate_of_the_same_port) {
  config.advertised_addresses = {"192.0.2.1", "2001:db8::1"};
  start_server();
  auto made = make_client({.remote_host = "127.0.0.1", .ice_servers = {}});
  ASSERT_TRUE(made);
  session = *server->create((*made)->local(), server_events);
  const auto candidates = session->local().candidates;
  ASSERT_EQ(candidates.size(), 4u);
  uint32_t last_priority = UINT32_MAX;
  std::set<std::string> foundations;
  for (size_t i = 0; i < 4; ++i) {
    const auto candidate = parse_candidate(candidates[i]);
    ASSERT_TRUE(candidate) << candidates[i];
    EXPECT_EQ(candidate->port, server->port());
    EXPECT_EQ(candidate->transport, i < 2 ? IceCandidate::Transport::udp : IceCandidate::Transport::tcp_passive);
    EXPECT_EQ(candidate->address->is_v6(), i % 2 == 1);
    EXPECT_LT(candidate->priority, last_priority) << "earlier addresses first, UDP before TCP";
    last_priority = candidate->priority;
    foundations.insert(candidate->foundation);
  }
  EXPECT_EQ(foundations.size(), 4u);
}

TEST_F(WebRtcTest, media_flows_over_tcp_where_udp_does_not) {
  start_server();
  introduce({.remote_host = "127.0.0.1", .ice_servers = {}, .ice_tcp = true}, {},
            [](IceDescription& answer) { leave_only(answer, "tcp"); });
  ASSERT_TRUE(run_until(io, [&] { return client_events.connected == 1 && server_events.connected == 1; }));
  expect_media_both_ways();
  EXPECT_TRUE(session->remote_address().ends_with(" over TCP")) << session->remote_address();
  session->close();
  ASSERT_TRUE(run_until(io, [&] { return !client_events.closed.empty(); })) << "close_notify goes out before the FIN";
}

TEST_F(WebRtcTest, media_flows_over_tcp_and_ipv6) {
  config.listen_address = "::";
  config.advertised_addresses = {"::1"};
  server = std::make_unique<IceLiteServer>(io.get_executor(), config, server_identity);
  ASSERT_TRUE(server->start());
  if (!source_address_towards(boost::asio::ip::make_address("::1")))
    GTEST_SKIP() << "this machine has no IPv6 loopback";
  introduce({.remote_host = "::1", .ice_servers = {}, .ice_tcp = true}, {},
            [](IceDescription& answer) { leave_only(answer, "tcp"); });
  ASSERT_TRUE(run_until(io, [&] { return client_events.connected == 1 && server_events.connected == 1; }));
  expect_media_both_ways();
}

TEST_F(WebRtcTest, udp_is_preferred_where_both_work) {
  start_server();
  introduce({.remote_host = "127.0.0.1", .ice_servers = {}, .ice_tcp = true});
  ASSERT_TRUE(run_until(io, [&] { return client_events.connected == 1 && server_events.connected == 1; }));
  expect_media_both_ways();
  EXPECT_FALSE(session->remote_address().ends_with(" over TCP")) << session->remote_address();
}

TEST_F(WebRtcTest, without_tcp_there_is_no_listener_and_no_candidate) {
  config.tcp = false;
  connect();
  EXPECT_EQ(session->local().candidates.size(), 1u);
  boost::asio::ip::tcp::socket socket(io);
  boost::system::error_code ec;
  socket.connect({boost::asio::ip::make_address("127.0.0.1"), server->port()}, ec);
  EXPECT_EQ(ec, boost::asio::error::connection_refused);
}

TEST_F(WebRtcTest, a_tcp_port_that_is_taken_is_a_conflict_in_words) {
  start_server();
  config.port = server->port();
  config.listen_address = "127.0.0.2";
  boost::asio::ip::tcp::acceptor taken(io, {boost::asio::ip::make_address("127.0.0.2"), config.port});
  IceLiteServer second(io.get_executor(), config, server_identity);
  const auto started = second.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, core::ErrorCode::conflict);
  EXPECT_NE(started.error().message.find("TCP"), std::string::npos) << started.error().message;
}

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
  answer.candidates = {"nonsense"};
  EXPECT_EQ((*made)->set_remote(answer).error().code, core::ErrorCode::invalid);
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
