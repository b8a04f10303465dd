// The whole client against a server in the same thread, over real sockets on 127.0.0.1.
#include "whip_client/peer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <thread>

#include "tests/whip_client/fake_server.hpp"

namespace partyline::whip_client {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using core::Codec;
using testing_support::FakeServer;
using testing_support::ServerPeer;

struct Events final : PeerEvents {
  std::vector<std::pair<PeerState, std::string>> states;
  std::vector<std::vector<uint8_t>> audio, video;
  int keyframe_requests = 0;
  std::function<void()> on_anything;

  void on_peer_state(PeerState state, const std::string& why) override {
    states.emplace_back(state, why);
    if (on_anything) on_anything();
  }
  void on_frame(const core::EncodedFrame& frame) override {
    auto& list = core::kind_of(frame.codec) == core::MediaKind::audio ? audio : video;
    list.emplace_back(frame.data.begin(), frame.data.end());
    if (on_anything) on_anything();
  }
  void on_keyframe_request() override { ++keyframe_requests; }
  void on_target_bitrate(core::Bitrate) override {}

  bool was(PeerState state) const {
    return std::ranges::any_of(states, [state](const auto& each) { return each.first == state; });
  }
  std::string why() const {
    std::string last;
    for (const auto& [state, why] : states) {
      if (!why.empty()) last = why;
    }
    return last;
  }
};

/// Opus-like and H.264 frames whose bytes tell them apart; large pictures need several packets.
core::EncodedFrame frame_of(Codec codec, int index, size_t size) {
  std::vector<uint8_t> bytes;
  const auto nal = [&](uint8_t header, size_t length) {
    bytes.insert(bytes.end(), {0, 0, 0, 1, header});
    for (size_t i = 1; i < length; ++i)
      bytes.push_back(static_cast<uint8_t>(1 + (i * 7 + static_cast<size_t>(index)) % 250));
  };
  const bool keyframe = codec == Codec::h264 && index % 10 == 0;
  if (codec == Codec::h264) {
    if (keyframe) {
      nal(0x67, 12);
      nal(0x68, 5);
    }
    nal(keyframe ? 0x65 : 0x41, size);
  } else {
    for (size_t i = 0; i < size; ++i) bytes.push_back(static_cast<uint8_t>(i + static_cast<size_t>(index)));
  }
  core::EncodedFrame frame;
  frame.codec = codec;
  frame.buffer = core::Buffer::copy_of(bytes);
  frame.data = frame.buffer.span();
  frame.capture = core::Clock::now();
  frame.rtp_time = codec == Codec::h264 ? index * 3000 : index * 960;
  frame.sequence = index;
  frame.keyframe = keyframe;
  return frame;
}

struct PeerTest : testing::Test {
  asio::io_context io;
  rtp::NiceService ice{*rtp::DtlsIdentity::generate()};
  std::unique_ptr<FakeServer> server = std::make_unique<FakeServer>(io);
  Events events;
  std::shared_ptr<Peer> peer;

  void SetUp() override { ASSERT_TRUE(server->started); }
  void TearDown() override {
    if (peer) peer->stop();
    peer.reset();
    until([] { return false; }, 50ms);
    server.reset();
    until([] { return false; }, 20ms);
  }

  /// Runs the loop until `done`; false when that did not happen in time.
  template <class Done>
  bool until(Done done, std::chrono::milliseconds limit = 8s) {
    return test::run_until(io, std::move(done), limit);
  }

  PeerConfig config(const std::string& path) const {
    PeerConfig c;
    c.url = server->url(path);
    c.first_retry = 50ms;
    c.longest_retry = 200ms;
    return c;
  }
  void publish(const PeerConfig& c) {
    peer = make_publisher(io.get_executor(), ice, c, events);
    peer->start();
  }
  void subscribe(const PeerConfig& c) {
    peer = make_subscriber(io.get_executor(), ice, c, events);
    peer->start();
  }
  bool connected() {
    return until(
        [&] { return peer->state() == PeerState::connected && !server->peers.empty() && server->last().connected; });
  }
};

TEST_F(PeerTest, APublishersFramesArriveByteForByteAndStopDeletesTheResource) {
  publish(config("/whip/demo/mix"));
  ASSERT_TRUE(connected()) << events.why();
  EXPECT_EQ(events.keyframe_requests, 1) << "the first picture must be decodable";
  std::vector<std::vector<uint8_t>> audio, video;
  // Frames come from a thread of the mixer's; the arrival of one is the sign for the next.
  for (size_t i = 0; i < 50; ++i) {
    std::thread([&] {
      for (const Codec codec : {Codec::opus, Codec::h264}) {
        const auto frame = frame_of(codec, static_cast<int>(i), codec == Codec::opus ? 80 : 3000);
        (codec == Codec::opus ? audio : video).emplace_back(frame.data.begin(), frame.data.end());
        peer->sink()->push(frame);
      }
    }).join();
    ASSERT_TRUE(until([&] { return server->last().audio.size() > i && server->last().video.size() > i; })) << i;
  }
  EXPECT_EQ(server->last().audio, audio);
  EXPECT_EQ(server->last().video, video);
  server->last().session->request_keyframe(core::Clock::now());
  EXPECT_TRUE(until([&] { return events.keyframe_requests == 2; }));
  EXPECT_EQ(peer->stats().video.frames_sent, 50u);
  peer->stop();
  EXPECT_TRUE(until([&] { return server->deletes() == 1 && server->last().closed; })) << "DELETE and close_notify";
  EXPECT_EQ(server->deleted.at(0), "/res/0?session=a:+/b%2Fc") << "byte for byte";
}

TEST_F(PeerTest, ASubscriberAsksForAKeyframeAtOnceAndReceivesByteForByte) {
  subscribe(config("/whep/demo/ann"));
  ASSERT_TRUE(connected()) << events.why();
  EXPECT_TRUE(until([&] { return server->last().keyframe_requests > 0; }));
  std::vector<std::vector<uint8_t>> video;
  for (int i = 0; i < 30; ++i) {
    const auto frame = frame_of(Codec::h264, i, 3000);
    video.emplace_back(frame.data.begin(), frame.data.end());
    server->last().send(frame);
    server->last().send(frame_of(Codec::opus, i, 80));
    until([] { return false; }, 3ms);
  }
  EXPECT_TRUE(until([&] { return events.audio.size() == 30 && events.video.size() == 30; }))
      << events.audio.size() << " " << events.video.size();
  EXPECT_EQ(events.video, video);
  EXPECT_GT(peer->stats().video.packets_received, 30u);
  peer->stop();
  EXPECT_TRUE(until([&] { return server->deletes() == 1 && server->last().closed; }));
}

TEST_F(PeerTest, AStreamThatDoesNotExistYetIsAskedForAgain) {
  server->instead = [&](const auto&) -> std::optional<core::http::Response> {
    if (server->posts.size() <= 2) return core::http::problem(404, "Not found", "nobody publishes here yet");
    return std::nullopt;
  };
  subscribe(config("/whep/demo/ann"));
  EXPECT_TRUE(connected());
  EXPECT_EQ(server->posts.size(), 3u);
  EXPECT_THAT(events.why(), testing::HasSubstr("nobody publishes there yet"));
}

TEST_F(PeerTest, ARedirectKeepsMethodAndBodyButTakesTheTokenNowhereElse) {
  FakeServer other(io);
  server->instead = [&](const core::http::Request& request) -> std::optional<core::http::Response> {
    core::http::Response response;
    response.status = 307;
    const bool first = server->posts.size() == 1;
    response.headers = {{"Location", first ? request.target + "/../moved" : other.url("/whip/demo/there")}};
    if (first) response.headers = {{"Location", "/whip/demo/moved"}};
    return response;
  };
  auto c = config("/whip/demo/mix");
  c.bearer_token = "secret";
  publish(c);
  ASSERT_TRUE(until([&] { return peer->state() == PeerState::connected; })) << events.why();
  ASSERT_EQ(server->posts.size(), 2u);
  ASSERT_EQ(other.posts.size(), 1u);
  EXPECT_EQ(server->posts[0].header("Authorization"), "Bearer secret");
  EXPECT_EQ(server->posts[1].header("Authorization"), "Bearer secret");
  EXPECT_EQ(other.posts[0].header("Authorization"), std::nullopt);
  EXPECT_EQ(other.posts[0].body, server->posts[0].body);
  EXPECT_EQ(other.posts[0].header("Content-Type"), "application/sdp");
  peer->stop();
  EXPECT_TRUE(until([&] { return other.deletes() == 1; })) << "the resource is where the last answer came from";
  EXPECT_EQ(server->deletes(), 0u);
}

TEST_F(PeerTest, AConnectionClosedWithoutAnAnswerCountsAsABusyName) {
  asio::ip::tcp::acceptor acceptor(io, {asio::ip::make_address("127.0.0.1"), 0});
  std::function<void()> accept = [&] {
    acceptor.async_accept([&](boost::system::error_code error, asio::ip::tcp::socket socket) {
      if (error) return;
      auto held = std::make_shared<asio::ip::tcp::socket>(std::move(socket));
      auto bytes = std::make_shared<std::array<char, 8192>>();
      held->async_read_some(asio::buffer(*bytes), [held, bytes](auto, size_t) {});
      accept();
    });
  };
  accept();
  PeerConfig c = config("/");
  c.url = fmt::format("http://127.0.0.1:{}/rtc/v1/whip/?app=demo&stream=mix", acceptor.local_endpoint().port());
  publish(c);
  EXPECT_TRUE(until([&] { return events.was(PeerState::waiting); }));
  EXPECT_THAT(events.why(), testing::HasSubstr("busy name"));
  peer->stop();
  acceptor.close();
}

TEST_F(PeerTest, AServerThatHangsUpIsToldGoodbyeAndAskedAgain) {
  publish(config("/whip/demo/mix"));
  ASSERT_TRUE(connected()) << events.why();
  server->last().hang_up();
  EXPECT_TRUE(until([&] { return server->posts.size() == 2; }));
  EXPECT_EQ(server->deletes(), 1u) << "before the second POST";
  EXPECT_TRUE(connected()) << events.why();
  EXPECT_TRUE(events.was(PeerState::waiting));
}

TEST_F(PeerTest, StopDuringThePostStillDeletesWhatItCreates) {
  server->delay = 100ms;
  publish(config("/whip/demo/mix"));
  ASSERT_TRUE(until([&] { return server->posts.size() == 1; }));
  const size_t before = events.states.size();
  peer->stop();
  peer.reset();
  EXPECT_TRUE(until([&] { return server->deletes() == 1; }));
  EXPECT_EQ(events.states.size(), before) << "nothing is called after stop()";
}

TEST_F(PeerTest, StopAtAnyEventEndsEverything) {
  for (int stop_at = 1; stop_at <= 6; ++stop_at) {
    Events local;
    int seen = 0;
    std::shared_ptr<Peer> mine;
    bool stopped = false, late = false;
    local.on_anything = [&] {
      late = late || stopped;
      if (++seen == stop_at) {
        mine->stop();
        mine.reset();
        stopped = true;
      }
    };
    const size_t posts = server->posts.size(), deletes = server->deletes();
    mine = make_subscriber(io.get_executor(), ice, config("/whep/demo/ann"), local);
    mine->start();
    int frame = 0;
    EXPECT_TRUE(until([&] {
      if (server->peers.size() > posts && server->last().connected && !server->last().closed) {
        server->last().send(frame_of(Codec::h264, frame, 500));
        server->last().send(frame_of(Codec::opus, frame++, 80));
      }
      return stopped;
    })) << stop_at;
    const bool posted = server->posts.size() > posts;
    EXPECT_TRUE(until([&] { return server->deletes() == deletes + (posted ? 1 : 0); })) << stop_at;
    EXPECT_FALSE(late) << stop_at;
  }
}

TEST_F(PeerTest, AnAudioOnlyAnswerIsPlayed) {
  server->audio_only = true;
  subscribe(config("/whep/demo/phone"));
  ASSERT_TRUE(connected()) << events.why();
  server->last().send(frame_of(Codec::opus, 0, 80));
  EXPECT_TRUE(until([&] { return events.audio.size() == 1; }));
}

TEST_F(PeerTest, AnAnswerThatIsNoSdpIsRefusedAndDeleted) {
  server->spoil = [&](core::http::Response& response) { response.body = "hello"; };
  subscribe(config("/whep/demo/ann"));
  EXPECT_TRUE(until([&] { return server->deletes() == 1; }));
  EXPECT_TRUE(until([&] { return events.was(PeerState::waiting); }));
  EXPECT_THAT(events.why(), testing::HasSubstr("the answer"));
}

TEST_F(PeerTest, ASilentStreamIsAskedForAgainAndItsSessionDeleted) {
  auto c = config("/whep/demo/ann");
  c.media_timeout = 300ms;
  subscribe(c);
  ASSERT_TRUE(connected()) << events.why();
  EXPECT_TRUE(until([&] { return server->posts.size() == 2; }));
  EXPECT_EQ(server->deletes(), 1u);
  EXPECT_THAT(events.why(), testing::HasSubstr("no media arrives"));
}

TEST_F(PeerTest, DroppingThePeerIsStoppingIt) {
  publish(config("/whip/demo/mix"));
  ASSERT_TRUE(connected()) << events.why();
  const auto sink = peer->sink();
  peer.reset();
  sink->push(frame_of(Codec::opus, 0, 80));
  EXPECT_TRUE(until([&] { return server->deletes() == 1; }));
}

TEST_F(PeerTest, AnUnreachableServerIsReportedInWords) {
  PeerConfig c = config("/");
  c.url = "http://127.0.0.1:1/whip/demo/mix";
  publish(c);
  EXPECT_TRUE(until([&] { return events.was(PeerState::waiting); }));
  EXPECT_THAT(events.why(), testing::HasSubstr("127.0.0.1:1"));
}

}  // namespace
}  // namespace partyline::whip_client
