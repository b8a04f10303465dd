// TcpGuard among the descriptors of this process, over real loopback connections, in virtual time.
#include "sip/tcp_guard.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <deque>

namespace partyline::sip {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;

struct TcpGuardTest : testing::Test {
  using Endpoint = tcp::endpoint;
  /// What a peer at `address` of loopback sees of its connection; ours is among our descriptors, as Sofia's are.
  struct Connection {
    tcp::socket theirs, ours;
  };
  Connection& connect(const char* address = "127.0.0.1") {
    Connection& made = connections.emplace_back(Connection{tcp::socket(io), tcp::socket(io)});
    made.theirs.open(tcp::v4());
    made.theirs.bind(Endpoint(asio::ip::make_address(address), 0));
    made.theirs.connect(Endpoint(asio::ip::address_v4::loopback(), acceptor.local_endpoint().port()));
    acceptor.accept(made.ours);
    return made;
  }
  static void say(Connection& connection) {
    asio::write(connection.theirs, asio::buffer("\r\n\r\n", 4));
    std::array<char, 4> bytes;
    asio::read(connection.ours, asio::buffer(bytes));  // so that the kernel has counted them
  }
  Connection& talker(const char* address = "127.0.0.1") {
    Connection& made = connect(address);
    say(made);
    return made;
  }
  static bool is_open(Connection& connection) {
    boost::system::error_code error;
    connection.theirs.non_blocking(true);
    char byte;
    connection.theirs.receive(asio::buffer(&byte, 1), tcp::socket::message_peek, error);
    return error == asio::error::would_block;
  }
  TcpGuard guard(TcpGuard::Limits limits, std::vector<std::string> trusted = {}) {
    return {acceptor.local_endpoint().port(), limits, std::move(trusted)};
  }
  static TcpGuard::Limits limits(size_t all, size_t per_source) { return {all, per_source, 10s, 10min}; }

  asio::io_context io;
  tcp::acceptor acceptor{io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  std::deque<Connection> connections;
  core::TimePoint now{1000h};
};

TEST_F(TcpGuardTest, who_says_nothing_is_ended_and_who_said_something_stays) {
  TcpGuard guarded = guard(limits(100, 100));
  Connection &silent = connect(), &said = talker();
  guarded.check(now);
  guarded.check(now + 9s);
  EXPECT_TRUE(is_open(silent));
  guarded.check(now + 10s);
  EXPECT_FALSE(is_open(silent));
  guarded.check(now + 24h);
  EXPECT_TRUE(is_open(said)) << "there is room for it";
}

TEST_F(TcpGuardTest, near_a_limit_who_has_been_idle_is_ended_and_a_keep_alive_is_enough) {
  for (const auto& [all, per_source] : {std::pair<size_t, size_t>{4, 100}, {100, 4}}) {
    TcpGuard guarded = guard(limits(all, per_source));
    std::vector<Connection*> three{&talker(), &talker(), &talker()};
    guarded.check(now);
    guarded.check(now + 11min);
    for (auto* each : three) EXPECT_TRUE(is_open(*each)) << "not near it yet";
    say(*three[1]);
    Connection& fourth = talker();
    guarded.check(now + 12min);
    EXPECT_FALSE(is_open(*three[0]));
    EXPECT_TRUE(is_open(*three[1]));
    EXPECT_FALSE(is_open(*three[2]));
    EXPECT_TRUE(is_open(fourth));
    connections.clear();
  }
}

TEST_F(TcpGuardTest, beyond_all_the_longest_idle_is_ended_and_the_newest_stays) {
  TcpGuard guarded = guard(limits(2, 100));
  Connection &first = talker(), &second = talker();
  guarded.check(now);
  say(first);
  guarded.check(now + 10s);
  Connection& third = talker();
  guarded.check(now + 20s);
  EXPECT_TRUE(is_open(first));
  EXPECT_FALSE(is_open(second));
  EXPECT_TRUE(is_open(third));
}

TEST_F(TcpGuardTest, of_one_address_the_newest_is_ended) {
  TcpGuard guarded = guard(limits(100, 2));
  Connection &first = talker(), &second = talker();
  guarded.check(now);
  Connection &third = talker(), &other = talker("127.0.0.2");
  guarded.check(now + 2s);
  EXPECT_TRUE(is_open(first) && is_open(second) && is_open(other));
  EXPECT_FALSE(is_open(third));
}

TEST_F(TcpGuardTest, no_rule_ends_trusted_sources_nor_do_they_take_others_room) {
  TcpGuard guarded = guard(limits(1, 1), {"127.0.0.2"});
  Connection& other = talker();
  std::vector<Connection*> trusted{&connect("127.0.0.2"), &connect("127.0.0.2"), &talker("127.0.0.2")};
  guarded.check(now);
  say(other);
  guarded.check(now + 1h);
  for (auto* each : trusted) EXPECT_TRUE(is_open(*each));
  EXPECT_TRUE(is_open(other));
}

TEST_F(TcpGuardTest, a_descriptor_that_was_anothers_is_seen_a_few_checks_later) {
  TcpGuard guarded = guard(limits(100, 100));
  talker();
  const int lower = ::dup(acceptor.native_handle()), upper = ::dup(acceptor.native_handle());
  guarded.check(now);
  ::close(lower);
  ::close(upper);
  Connection& silent = connect();
  ASSERT_EQ(silent.ours.native_handle(), upper);
  for (int i = 0; i < 20; ++i) guarded.check(now += 2s);
  EXPECT_FALSE(is_open(silent));
}

TEST_F(TcpGuardTest, it_sees_connections_when_no_file_can_be_opened_any_more) {
  TcpGuard guarded = guard(limits(100, 100));
  talker();
  Connection& silent = connect();
  guarded.check(now);
  rlimit files{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
  const rlimit none{0, files.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  guarded.check(now + 11s);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &files), 0);
  EXPECT_FALSE(is_open(silent));
}

TEST_F(TcpGuardTest, it_takes_no_more_than_half_of_the_files_that_may_be_open) {
  rlimit files{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
  const rlimit few{6, files.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  TcpGuard guarded = guard(limits(100, 100));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &files), 0);
  for (int i = 0; i < 5; ++i) talker();
  guarded.check(now);
  size_t open = 0;
  for (Connection& each : connections) open += is_open(each);
  EXPECT_EQ(open, 3u);
}

}  // namespace
}  // namespace partyline::sip
