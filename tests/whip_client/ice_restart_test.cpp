// An ICE restart of a connection that stands, against a server in the same thread, over real sockets on 127.0.0.1.
#include "whip_client/ice_restart.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>

#include "tests/whip_client/fake_server.hpp"
#include "whip_client/signalling.hpp"

namespace partyline::whip_client {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing_support::FakeServer;

struct NoEvents final : PeerEvents {
  void on_peer_state(PeerState, const std::string&) override {}
  void on_frame(const core::EncodedFrame&) override {}
  void on_keyframe_request() override {}
  void on_target_bitrate(core::Bitrate) override {}
};

struct ConnectionRestart : testing::Test {
  asio::io_context io;
  rtp::NiceService ice{*rtp::DtlsIdentity::generate()};
  FakeServer server{io};
  NoEvents events;
  MediaWatchdog watchdog{10s};
  std::shared_ptr<Connection> connection;
  PeerConfig config;
  Resource resource;
  std::optional<core::Error> ended;
  bool restart_told = false;

  template <class Done>
  bool until(Done done) {
    return test::run_until(io, std::move(done));
  }

  static void survive(std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
  }

  static asio::awaitable<void> publish(ConnectionRestart& test) {
    rtp::NiceConfig here;
    here.remote_host = "127.0.0.1";
    const auto half = co_await test.connection->open(test.ice, std::move(here));
    if (!half) co_return;
    const Offer offer = make_offer(Role::publisher, test.config, *half, 1, {3, 5, 9});
    auto outcome = co_await post_offer(test.config, to_string(offer.description), true);
    test.resource = std::get<Resource>(outcome);
    if (!test.connection->connect(*accept(offer, Role::publisher, test.resource.answer))) co_return;
    if (!co_await test.connection->established()) co_return;
    test.ended = co_await test.connection->run();
  }

  void SetUp() override {
    ASSERT_TRUE(server.started);
    config.url = server.url("/whip/demo/mix");
    config.bearer_token = "secret";
    connection = std::make_shared<Connection>(io.get_executor(), Role::publisher, "test", watchdog, events);
    asio::co_spawn(io, publish(*this), survive);
    ASSERT_TRUE(until([&] { return !server.peers.empty() && server.last().connected; }));
    ASSERT_TRUE(resource.patchable);
  }

  void TearDown() override {
    connection->close();
    EXPECT_TRUE(until([&] { return ended.has_value(); }));
  }

  void restart() {
    asio::co_spawn(io, restart_ice(config, connection, resource.url, "audio", "0"), [this](std::exception_ptr failure) {
      survive(failure);
      restart_told = true;
    });
    ASSERT_TRUE(until([&] { return restart_told; }));
  }

  /// Sends sound until the server gets more of it.
  bool sound_arrives() {
    const size_t before = server.last().audio.size();
    return until([&] {
      core::EncodedFrame frame;
      frame.codec = core::Codec::opus;
      frame.buffer = core::Buffer::copy_of(std::vector<uint8_t>(80, 1));
      frame.data = frame.buffer.span();
      frame.capture = core::Clock::now();
      frame.rtp_time = frame.sequence = ++frames_;
      connection->send(frame, 0, core::Clock::now());
      return server.last().audio.size() > before + 3;
    });
  }

  int64_t frames_ = 0;
};

TEST_F(ConnectionRestart, GoesByPatchAndKeepsTheResourceAndTheKeys) {
  ASSERT_TRUE(sound_arrives());
  const std::string before = server.last().transport->remote_address();
  restart();
  ASSERT_EQ(server.patches.size(), 1u);
  const auto& patch = server.patches[0];
  EXPECT_EQ(patch.target, "/res/0?session=a:+/b%2Fc");
  EXPECT_EQ(patch.header("If-Match"), "*");
  EXPECT_EQ(patch.header("Content-Type"), "application/trickle-ice-sdpfrag");
  EXPECT_EQ(patch.header("Authorization"), "Bearer secret");
  EXPECT_THAT(patch.body, HasSubstr("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=ice-ufrag:"));
  EXPECT_THAT(patch.body, HasSubstr("\r\na=candidate:"));
  EXPECT_TRUE(until([&] { return server.last().transport->remote_address() != before; }));
  EXPECT_TRUE(sound_arrives());
  EXPECT_FALSE(connection->is_over());
  EXPECT_EQ(server.posts.size(), 1u);
}

TEST_F(ConnectionRestart, IsTriedAgainWhereTheServerIsBusy) {
  server.patch_refusals = {503};
  const std::string before = server.last().transport->remote_address();
  restart();
  EXPECT_EQ(server.patches.size(), 2u);
  EXPECT_NE(server.patches[0].body, server.patches[1].body) << "another try gathers again";
  EXPECT_TRUE(until([&] { return server.last().transport->remote_address() != before; }));
  EXPECT_TRUE(sound_arrives());
}

TEST_F(ConnectionRestart, EndsTheConnectionWhereTheServerKnowsNone) {
  server.patch_refusals = {405};
  restart();
  EXPECT_TRUE(connection->is_over());
  ASSERT_TRUE(until([&] { return ended.has_value(); }));
  EXPECT_THAT(ended->message, HasSubstr("the server does not restart ICE (status 405)"));
}

TEST_F(ConnectionRestart, ComesToNothingWhenTheConnectionIsClosedMeanwhile) {
  server.patch_refusals = {503, 503, 503};
  asio::co_spawn(io, restart_ice(config, connection, resource.url, "audio", "0"), [this](std::exception_ptr failure) {
    survive(failure);
    restart_told = true;
  });
  ASSERT_TRUE(until([&] { return server.patches.size() == 1; }));
  connection->close();
  EXPECT_TRUE(until([&] { return restart_told; }));
  EXPECT_EQ(server.patches.size(), 1u);
}

}  // namespace
}  // namespace partyline::whip_client
