// What flows between server and client, over UDP and TCP.
#include "tests/rtp/transport/webrtc_world.hpp"

namespace partyline::rtp {
namespace {

using namespace test;
using namespace std::chrono_literals;
using boost::asio::ip::udp;

TEST_F(WebRtcTest, rtp_and_rtcp_flow_both_ways) {
  connect();
  expect_media_both_ways();
  EXPECT_EQ(client->remote_address(), "127.0.0.1:" + std::to_string(server->port()));
  EXPECT_TRUE(session->remote_address().starts_with("127.0.0.1:"));
  EXPECT_TRUE(session->local().lite);
  EXPECT_EQ(client->local().setup, "actpass");
  EXPECT_EQ(session->local().setup, "passive");
}

TEST_F(WebRtcTest, a_candidate_that_nobody_can_read_does_not_spoil_the_others) {
  start_server();
  introduce({.remote_host = "127.0.0.1", .ice_servers = {}}, {}, [](IceDescription& answer) {
    answer.candidates.insert(answer.candidates.begin(), {"nonsense", "1 1 udp many 127.0.0.1 9 typ host"});
  });
  ASSERT_TRUE(run_until(io, [&] { return client_events.connected == 1 && server_events.connected == 1; }));
  expect_media_both_ways();
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

}  // namespace
}  // namespace partyline::rtp
