// A WHIP and WHEP server for tests, in the test's own thread: core::http::Server + rtp::IceLiteServer + rtp::Session,
// with hooks to make it behave like the worse ones. Test::until() runs everything until something is true.
#pragma once

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/http/server.hpp"
#include "rtp/sdp/negotiation.hpp"
#include "rtp/session.hpp"
#include "rtp/transport/ice_fragment.hpp"
#include "rtp/transport/ice_lite_server.hpp"
#include "tests/support/event_loop.hpp"

namespace partyline::whip_client::testing_support {

/// The server's end of one peer connection.
class ServerPeer final : public rtp::TransportEvents, public rtp::SessionEvents {
 public:
  explicit ServerPeer(boost::asio::any_io_executor executor) : timer_(std::move(executor)) {}
  ~ServerPeer() override {
    if (transport) transport->close();
  }

  std::shared_ptr<rtp::IceLiteTransport> transport;
  std::unique_ptr<rtp::Session> session;
  std::vector<rtp::TrackConfig> tracks;
  std::vector<std::vector<uint8_t>> audio, video;  ///< payloads received
  int keyframe_requests = 0;
  bool connected = false, closed = false;

  void send(const core::EncodedFrame& frame) { session->send(frame, core::Clock::now()); }
  /// The server goes away with a DTLS close_notify.
  void hang_up() {
    timer_.cancel();
    transport->close();
    closed = true;
  }

  void on_transport_connected() override {
    connected = true;
    session =
        std::make_unique<rtp::Session>(rtp::SessionConfig{"server", tracks, nullptr, 1200}, *this, core::Clock::now());
    tick();
  }
  void on_rtp(core::Buffer packet, core::TimePoint now) override { session->receive_rtp(std::move(packet), now); }
  void on_rtcp(core::Buffer packet, core::TimePoint now) override { session->receive_rtcp(packet.span(), now); }
  void on_transport_closed(const core::Error&) override {
    closed = true;
    timer_.cancel();
  }
  void send_rtp(std::span<const uint8_t> packet) override { transport->send_rtp(packet); }
  void send_rtcp(std::span<const uint8_t> packet) override { transport->send_rtcp(packet); }
  void on_frame(const core::EncodedFrame& frame) override {
    auto& list = core::kind_of(frame.codec) == core::MediaKind::audio ? audio : video;
    list.emplace_back(frame.data.begin(), frame.data.end());
  }
  void on_digit(char) override {}
  void on_keyframe_request() override { ++keyframe_requests; }
  void on_target_bitrate(core::Bitrate) override {}

 private:
  void tick() {
    session->tick(core::Clock::now());
    timer_.expires_after(std::chrono::milliseconds(5));
    timer_.async_wait([this](boost::system::error_code error) {
      if (!error && !closed) tick();
    });
  }

  boost::asio::steady_timer timer_;
};

class FakeServer {
 public:
  explicit FakeServer(boost::asio::io_context& io) : io_(io), http_(io.get_executor(), test::loopback_server()) {
    rtp::IceLiteConfig ice;
    ice.listen_address = "127.0.0.1";
    ice.port = 0;
    ice_ = std::make_unique<rtp::IceLiteServer>(io.get_executor(), ice, *rtp::DtlsIdentity::generate());
    http_.route("POST", "/{kind}/{room}/{name}",
                [this](core::http::Request request) { return post(std::move(request)); });
    http_.route("PATCH", "/res/{id}", [this](core::http::Request request) { return restart(std::move(request)); });
    http_.route("DELETE", "/res/{id}", [this](core::http::Request request) { return remove(std::move(request)); });
    started = ice_->start().has_value() && http_.start().has_value();
  }
  ~FakeServer() {
    peers.clear();
    http_.stop();
    ice_->stop();
  }

  std::string url(const std::string& path) const { return fmt::format("http://127.0.0.1:{}{}", http_.port(), path); }
  ServerPeer& last() { return *peers.back(); }
  size_t deletes() const { return deleted.size(); }

  bool started = false;
  std::vector<core::http::Request> posts;
  std::vector<core::http::Request> patches;
  std::vector<std::string> deleted;  ///< targets as received
  std::vector<std::unique_ptr<ServerPeer>> peers;
  /// Answers instead of the server when it returns something.
  std::function<std::optional<core::http::Response>(const core::http::Request&)> instead;
  std::function<void(core::http::Response&)> spoil;  ///< changes the 201 before it leaves
  std::chrono::milliseconds delay{0};                ///< before the answer
  bool audio_only = false;
  std::vector<int> patch_refusals;  ///< statuses of the next answers to PATCH; then they are 200

 private:
  boost::asio::awaitable<core::http::Response> post(core::http::Request request) {
    posts.push_back(request);
    if (delay.count() > 0) {
      boost::asio::steady_timer timer(io_, delay);
      co_await timer.async_wait(boost::asio::use_awaitable);
    }
    if (instead) {
      if (auto response = instead(request)) co_return *response;
    }
    co_return accept(request);
  }

  core::http::Response accept(const core::http::Request& request) {
    using namespace rtp::sdp;
    const auto offer = parse(request.body);
    if (!offer) return core::http::problem(offer.error());
    MediaCapabilities audio, video;
    audio.codecs = {core::Codec::opus};
    video.kind = core::MediaKind::video;
    video.codecs = {core::Codec::h264};
    const bool publishing = request.path.starts_with("/whip");
    audio.direction = video.direction = publishing ? Direction::recvonly : Direction::sendonly;
    const auto plan = plan_answer(*offer, audio_only ? std::vector{audio} : std::vector{audio, video});
    if (!plan) return core::http::problem(plan.error());
    auto peer = std::make_unique<ServerPeer>(io_.get_executor());
    auto transport = ice_->create(plan->media.front().remote_ice, *peer);
    if (!transport) return core::http::problem(transport.error());
    peer->transport = *transport;
    std::vector<LocalTransport> locals;
    uint32_t ssrc = 5000;
    for (const NegotiatedMedia& media : plan->media) {
      LocalTransport local;
      local.address = "127.0.0.1";
      local.rtcp_mux = true;
      local.ice = peer->transport->local();
      local.ssrc = ssrc;
      local.cname = "server";
      locals.push_back(local);
      peer->tracks.push_back(media.track);
      peer->tracks.back().local_ssrc = ssrc++;
    }
    core::http::Response response;
    response.status = 201;
    response.headers = {{"Content-Type", "application/sdp"},
                        {"ETag", "\"1\""},
                        {"Location", fmt::format("/res/{}?session=a:+/b%2Fc", peers.size())}};
    response.body = to_string(write_answer(*offer, *plan, locals, 1, 1));
    peers.push_back(std::move(peer));
    if (spoil) spoil(response);
    return response;
  }

  boost::asio::awaitable<core::http::Response> restart(core::http::Request request) {
    patches.push_back(request);
    if (patches.size() <= patch_refusals.size()) {
      const int status = patch_refusals[patches.size() - 1];
      co_return core::http::text(status, "");
    }
    core::http::Response response;
    response.headers = {{"Content-Type", std::string(rtp::kIceFragmentType)}};
    response.body = rtp::write_ice_fragment(last().transport->restart(), "audio", "0");
    co_return response;
  }

  boost::asio::awaitable<core::http::Response> remove(core::http::Request request) {
    deleted.push_back(request.target);
    co_return core::http::text(200, "");
  }

  boost::asio::io_context& io_;
  core::http::Server http_;
  std::unique_ptr<rtp::IceLiteServer> ice_;
};

}  // namespace partyline::whip_client::testing_support
