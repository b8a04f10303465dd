// The client's consent to send and its ICE restarts, through a box that can take packets away.
#include "rtp/transport/packet_kind.hpp"
#include "tests/rtp/transport/udp_box.hpp"
#include "tests/rtp/transport/webrtc_world.hpp"

namespace partyline::rtp {
namespace {

using namespace test;
using namespace std::chrono_literals;

bool is_answer(std::span<const uint8_t> packet) {
  return classify(packet) == PacketKind::stun && (packet[0] & 1) != 0;
}

struct IceRestartTest : WebRtcTest {
  std::unique_ptr<UdpBox> box;

  void connect_through_box(NiceConfig client_config = {.remote_host = "127.0.0.1", .ice_servers = {}}) {
    start_server();
    box = std::make_unique<UdpBox>(io, server->port());
    introduce(std::move(client_config), {}, [this](IceDescription& answer) { answer.candidates = {box->candidate()}; });
    ASSERT_TRUE(run_until(io, [&] { return client_events.connected == 1 && server_events.connected == 1; }));
  }

  core::Result<IceDescription> regather() {
    std::optional<core::Result<IceDescription>> made;
    boost::asio::co_spawn(io, client->regather(), [&](std::exception_ptr failure, core::Result<IceDescription> result) {
      if (failure) std::rethrow_exception(failure);
      made = std::move(result);
    });
    EXPECT_TRUE(run_until(io, [&] { return made.has_value(); }));
    return *std::move(made);
  }

  /// What an SFU answers to a PATCH: credentials, and the address that the client sees of it.
  IceDescription server_half() {
    IceDescription half = session->restart();
    half.candidates = {box->candidate()};
    return half;
  }
};

TEST_F(IceRestartTest, a_restart_finds_another_path_under_the_same_keys) {
  connect_through_box();
  const IceDescription before = client->local();
  const std::string server_saw = session->remote_address();
  const size_t old = box->clients();
  const auto ours = regather();
  ASSERT_TRUE(ours) << ours.error().message;
  EXPECT_NE(ours->ufrag, before.ufrag);
  EXPECT_NE(ours->pwd, before.pwd);
  EXPECT_EQ(ours->fingerprint, before.fingerprint);
  EXPECT_EQ(client->local().ufrag, before.ufrag) << "the old path is in use until there is another";
  client->send_rtp(rtp_packet(1, 9));
  ASSERT_TRUE(run_until(io, [&] { return server_events.rtp.size() == 1; }));
  server_events.rtp.clear();
  ASSERT_TRUE(client->restart(server_half()));
  ASSERT_TRUE(run_until(io, [&] { return client_events.found == 1 && session->remote_address() != server_saw; }));
  EXPECT_EQ(client->local().ufrag, ours->ufrag);
  box->passes = [old](size_t number, bool, auto) { return number >= old; };  // nothing needs the old path any more
  expect_media_both_ways();
  EXPECT_EQ(client_events.connected, 1);
  EXPECT_EQ(client_events.lost, 0);
}

TEST_F(IceRestartTest, an_answer_without_candidates_means_those_of_before) {
  connect_through_box();
  ASSERT_TRUE(regather());
  IceDescription half = server_half();
  half.candidates.clear();
  ASSERT_TRUE(client->restart(half));
  EXPECT_TRUE(run_until(io, [&] { return client_events.found == 1; }));
}

TEST_F(IceRestartTest, a_restart_needs_new_candidates_of_ours_and_credentials_of_the_peers) {
  connect_through_box();
  EXPECT_EQ(client->restart(server_half()).error().code, core::ErrorCode::conflict);
  ASSERT_TRUE(regather());
  IceDescription half = server_half();
  half.pwd = "short";
  EXPECT_EQ(client->restart(half).error().code, core::ErrorCode::invalid);
  client->close();
  EXPECT_FALSE(client->restart(server_half()));
}

TEST_F(IceRestartTest, who_closes_while_it_gathers_is_told_so) {
  connect_through_box();
  std::optional<core::Result<IceDescription>> made;
  boost::asio::co_spawn(io, client->regather(),
                        [&](std::exception_ptr, core::Result<IceDescription> result) { made = std::move(result); });
  io.restart();
  io.run_one();
  client->close();
  ASSERT_TRUE(run_until(io, [&] { return made.has_value(); }));
  EXPECT_FALSE(*made);
}

// In real time, for libnice keeps the clock.
TEST_F(IceRestartTest, a_peer_that_answers_no_checks_is_sent_nothing_until_a_restart_finds_it_again) {
  config.silence_timeout = config.consent_timeout = 60s;
  connect_through_box();
  client_events.keeps_lost_path = true;
  const size_t old = box->clients();
  size_t taken = 0;
  box->passes = [&](size_t number, bool to_server, std::span<const uint8_t> packet) {
    if (to_server && classify(packet) == PacketKind::rtp) ++taken;
    return number >= old || to_server || !is_answer(packet);  // media goes both ways: it is no consent
  };
  uint16_t sequence = 0;
  const auto talk = [&](const std::function<bool()>& until, core::Duration limit) {
    core::TimePoint due{};
    return run_until(
        io,
        [&] {
          if (const auto now = core::Clock::now(); now >= due) {
            due = now + 20ms;
            client->send_rtp(rtp_packet(++sequence, 7));
            session->send_rtp(rtp_packet(sequence, 8));
          }
          return until();
        },
        limit);
  };
  EXPECT_TRUE(talk([&] { return client_events.lost == 1; }, 30s)) << "consent expires after 30 s";
  EXPECT_GT(client_events.rtp.size(), 100u);
  auto& withheld = core::counter("partyline_ice_client_dropped_total", R"(reason="no_consent")");
  const auto before = withheld.value();
  EXPECT_TRUE(talk([&] { return withheld.value() > before; }, 10s));
  talk([] { return false; }, 100ms);  // what was under way
  taken = 0;
  EXPECT_TRUE(talk([&] { return withheld.value() >= before + 20; }, 5s));
  EXPECT_EQ(taken, 0u);

  ASSERT_TRUE(regather());
  ASSERT_TRUE(client->restart(server_half()));
  ASSERT_TRUE(run_until(io, [&] { return client_events.found == 1; }));
  run_until(
      io, [] { return false; }, 100ms);
  client_events.rtp.clear();
  server_events.rtp.clear();
  expect_media_both_ways();
  EXPECT_TRUE(client_events.closed.empty());
  EXPECT_EQ(client_events.lost, 1);
}

}  // namespace
}  // namespace partyline::rtp
