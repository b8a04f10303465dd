#include "rtp/transport/ice_tcp_server.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "core/counters.hpp"
#include "rtp/transport/stream_frames.hpp"
#include "tests/rtp/transport/support.hpp"

namespace partyline::rtp {
namespace {

using namespace test;
using namespace std::chrono_literals;
using boost::asio::ip::tcp;
using Bytes = std::vector<uint8_t>;

struct IceTcpServerTest : testing::Test {
  boost::asio::io_context io;
  std::shared_ptr<IceTcpServer> server;
  uint16_t port = 0;
  std::vector<std::pair<uint64_t, Bytes>> received;
  std::vector<uint64_t> closed;
  bool prove_all = true;

  void listen(IceTcpServer::Limits limits = {}) {
    // The server takes the port that UDP got; here any free one does.
    tcp::acceptor probe(io, {boost::asio::ip::make_address("127.0.0.1"), 0});
    port = probe.local_endpoint().port();
    probe.close();
    auto made = IceTcpServer::listen(io.get_executor(), {boost::asio::ip::make_address("127.0.0.1"), port}, limits);
    ASSERT_TRUE(made) << made.error().message;
    server = *made;
    server->start({[this](core::Buffer packet, uint64_t id, const auto&) {
                     received.emplace_back(id, Bytes(packet.data(), packet.data() + packet.size()));
                     if (prove_all) server->prove(id);
                   },
                   [this](uint64_t id, const auto&) { closed.push_back(id); }});
  }
  tcp::socket dial() {
    tcp::socket socket(io);
    socket.connect({boost::asio::ip::make_address("127.0.0.1"), port});
    return socket;
  }
  static void say(tcp::socket& socket, const Bytes& payload) {
    const auto header = StreamFrames::header_of(payload);
    boost::asio::write(socket, boost::asio::buffer(header));
    boost::asio::write(socket, boost::asio::buffer(payload));
  }
  // True when the other side has closed, within the loop's time.
  bool sees_end(tcp::socket& socket) {
    socket.non_blocking(true);
    return run_until(io, [&] {
      std::array<uint8_t, 4096> bytes;
      boost::system::error_code ec;
      while (socket.read_some(boost::asio::buffer(bytes), ec) > 0) {
      }
      return ec && ec != boost::asio::error::would_block;
    });
  }
  ~IceTcpServerTest() override {
    if (server) server->close();
    io.poll();
  }
};

TEST_F(IceTcpServerTest, packets_pass_both_ways_and_each_connection_has_its_number) {
  listen();
  auto one = dial(), other = dial();
  say(one, Bytes(30, 1));
  say(other, Bytes(1200, 2));
  ASSERT_TRUE(run_until(io, [&] { return received.size() == 2; }));
  EXPECT_NE(received[0].first, received[1].first);
  for (const auto& [id, bytes] : received) ASSERT_TRUE(server->send(id, bytes));
  for (auto* socket : {&one, &other}) {
    const size_t size = socket == &one ? 30 : 1200;
    Bytes echo(2 + size);
    boost::asio::read(*socket, boost::asio::buffer(echo));
    EXPECT_EQ(size_t{echo[0]} << 8 | echo[1], size);
    EXPECT_EQ(echo.back(), socket == &one ? 1 : 2);
  }
  EXPECT_FALSE(server->send(77, Bytes(5)));
}

TEST_F(IceTcpServerTest, the_port_being_taken_is_a_conflict) {
  listen();
  const auto again = IceTcpServer::listen(io.get_executor(), {boost::asio::ip::make_address("127.0.0.1"), port}, {});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, core::ErrorCode::conflict);
}

TEST_F(IceTcpServerTest, who_proves_nothing_in_time_is_shown_the_door_and_nobody_is_told) {
  prove_all = false;
  listen();
  auto stranger = dial();
  say(stranger, Bytes(30, 1));
  ASSERT_TRUE(run_until(io, [&] { return received.size() == 1; }));
  server->sweep(core::Clock::now());
  EXPECT_EQ(server->size(), 1u);
  server->sweep(core::Clock::now() + IceTcpServer::kProofTimeout);
  EXPECT_EQ(server->size(), 0u);
  EXPECT_TRUE(sees_end(stranger));
  EXPECT_TRUE(closed.empty());
}

TEST_F(IceTcpServerTest, who_has_proved_itself_stays_and_its_end_is_told_once) {
  listen();
  auto peer = dial();
  say(peer, Bytes(30, 1));
  ASSERT_TRUE(run_until(io, [&] { return received.size() == 1; }));
  server->sweep(core::Clock::now() + 1h);
  EXPECT_EQ(server->size(), 1u);
  peer.close();
  ASSERT_TRUE(run_until(io, [&] { return !closed.empty(); }));
  EXPECT_EQ(closed, std::vector<uint64_t>{received[0].first});
  EXPECT_EQ(server->size(), 0u);
}

TEST_F(IceTcpServerTest, one_address_may_hold_so_many_unproved_connections_and_no_more) {
  auto& refused = core::counter("partyline_ice_tcp_refused_total", R"(reason="limit_of_address")");
  const auto before = refused.value();
  prove_all = false;
  listen({.connections = 10, .unproved_per_address = 3});
  std::vector<tcp::socket> sockets;
  for (int i = 0; i < 5; ++i) sockets.push_back(dial());
  ASSERT_TRUE(run_until(io, [&] { return refused.value() == before + 2; }));
  EXPECT_EQ(server->size(), 3u);
  // A place is free again once one has proved itself, or is gone.
  prove_all = true;
  say(sockets[0], Bytes(30, 1));
  sockets[1].close();
  ASSERT_TRUE(run_until(io, [&] { return received.size() == 1 && server->size() == 2; }));
  auto sixth = dial(), seventh = dial();
  ASSERT_TRUE(run_until(io, [&] { return server->size() == 4; }));
}

TEST_F(IceTcpServerTest, when_all_places_are_taken_the_oldest_unproved_one_makes_room) {
  listen({.connections = 3, .unproved_per_address = 10});
  tcp::socket proved = dial();
  say(proved, {1, 2, 3});
  ASSERT_TRUE(run_until(io, [&] { return received.size() == 1; }));
  tcp::socket first = dial(), second = dial();
  ASSERT_TRUE(run_until(io, [&] { return server->size() == 3; }));
  tcp::socket newcomer = dial();
  EXPECT_TRUE(sees_end(first));
  say(newcomer, {4, 5, 6});
  say(second, {7, 8, 9});
  EXPECT_TRUE(run_until(io, [&] { return received.size() == 3; }));
  tcp::socket late = dial();
  EXPECT_TRUE(sees_end(late)) << "all of them are somebody's";
  EXPECT_TRUE(closed.empty());
}

TEST_F(IceTcpServerTest, what_is_not_framed_ends_the_connection) {
  listen();
  auto browser = dial();
  boost::asio::write(browser, boost::asio::buffer(std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n")));
  EXPECT_TRUE(sees_end(browser));
  EXPECT_TRUE(received.empty());
}

TEST_F(IceTcpServerTest, a_peer_that_takes_nothing_costs_bounded_memory_and_in_the_end_its_connection) {
  auto& full = core::counter("partyline_ice_tcp_dropped_total", R"(reason="send_buffer_full")");
  const auto before = full.value();
  listen();
  auto lazy = dial();
  say(lazy, Bytes(30, 1));
  ASSERT_TRUE(run_until(io, [&] { return received.size() == 1; }));
  const auto id = received[0].first;
  int sent = 0;
  while (sent < 100000 && server->send(id, Bytes(1200, 9))) ++sent;
  EXPECT_LT(sent, 100000) << "the kernel's buffers and ours must have an end";
  EXPECT_GT(full.value(), before);
  server->sweep(core::Clock::now());
  EXPECT_EQ(server->size(), 1u);
  server->sweep(core::Clock::now() + IceTcpServer::kStallTimeout);
  EXPECT_EQ(closed, std::vector<uint64_t>{id});
}

TEST_F(IceTcpServerTest, a_slow_peer_gets_whole_frames_in_order) {
  listen();
  auto slow = dial();
  say(slow, Bytes(30, 1));
  ASSERT_TRUE(run_until(io, [&] { return received.size() == 1; }));
  // Beyond the kernel's buffers, so that a frame is cut somewhere; what did not fit is missing as a whole.
  std::vector<int> taken;
  for (int i = 0; i < 8000; ++i) {
    Bytes packet(1000, static_cast<uint8_t>(i));
    packet[0] = static_cast<uint8_t>(i >> 8);
    if (server->send(received[0].first, packet)) taken.push_back(i);
  }
  ASSERT_LT(taken.size(), 8000u);
  slow.non_blocking(true);
  StreamFrames frames;
  std::vector<int> got;
  ASSERT_TRUE(run_until(io, [&] {
    boost::system::error_code ec;
    const auto space = frames.space();
    frames.filled(slow.read_some(boost::asio::buffer(space.data(), space.size()), ec));
    while (const auto frame = frames.next()) {
      EXPECT_EQ(frame->size(), 1000u);
      got.push_back((*frame)[0] << 8 | (*frame)[1]);
    }
    return got.size() >= taken.size();
  }));
  EXPECT_EQ(got, taken);
}

TEST_F(IceTcpServerTest, a_released_connection_still_delivers_its_last_words) {
  listen();
  auto peer = dial();
  say(peer, Bytes(30, 1));
  ASSERT_TRUE(run_until(io, [&] { return received.size() == 1; }));
  say(peer, Bytes(900, 7));  // unread when it is released
  ASSERT_TRUE(server->send(received[0].first, Bytes(60, 3)));
  server->release(received[0].first);
  EXPECT_FALSE(server->send(received[0].first, Bytes(60, 4)));
  Bytes last(62);
  boost::asio::read(peer, boost::asio::buffer(last));
  EXPECT_EQ(last.back(), 3);
  EXPECT_TRUE(sees_end(peer));
  peer.close();
  ASSERT_TRUE(run_until(io, [&] { return server->size() == 0; }));
  EXPECT_TRUE(closed.empty());
}

}  // namespace
}  // namespace partyline::rtp
