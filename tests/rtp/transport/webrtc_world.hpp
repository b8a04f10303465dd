// The ICE-lite server and the full-ICE client against each other on 127.0.0.1. Thread: one.
#pragma once

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

namespace partyline::rtp::test {

using namespace std::chrono_literals;

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
}  // namespace partyline::rtp::test
