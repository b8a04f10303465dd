#include "gateway/app.hpp"

#include <fmt/format.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "core/http/server.hpp"
#include "core/log.hpp"
#include "core/random.hpp"
#include "gateway/api.hpp"
#include "gateway/certificate_rotation.hpp"
#include "gateway/event_bus.hpp"
#include "gateway/layouts.hpp"
#include "gateway/pages.hpp"
#include "gateway/reaper.hpp"
#include "gateway/room_manager.hpp"
#include "gateway/sfu_relay.hpp"
#include "gateway/sip_capabilities.hpp"
#include "gateway/srs_directory.hpp"
#include "mixer/room_mixer.hpp"
#include "rtp/transport/dtls_identity.hpp"
#include "rtp/transport/nice_transport.hpp"
#include "rtp/transport/udp_transport.hpp"
#include "sfu/sfu.hpp"
#include "sip/user_agent.hpp"

namespace partyline::gateway {

using core::Result;

struct App::Impl {
  explicit Impl(boost::asio::io_context& context, Config c) : io(context), config(std::move(c)) {}

  boost::asio::io_context& io;
  const Config config;
  Services services;
  std::shared_ptr<const rtp::DtlsIdentity> identity;
  CertificateRotation certificates{io.get_executor(), [this](auto next) { use_certificate(std::move(next)); }};
  std::unique_ptr<mixer::Engine> engine;
  std::unique_ptr<rtp::NiceService> ice;
  std::unique_ptr<rtp::PortPool> ports;
  std::unique_ptr<EventBus> events;
  std::unique_ptr<Reaper> reaper;
  std::unique_ptr<RoomManager> rooms;
  std::unique_ptr<sip::UserAgent> sip;
  std::unique_ptr<Api> api;
  std::unique_ptr<core::http::Server> http;      // the public one
  std::unique_ptr<core::http::Server> loopback;  // ours alone: how we reach the embedded SFU and its hooks reach us
  std::unique_ptr<sfu::Sfu> sfu;
  SfuRelay relay{services};  // instead of it, when the SFU is another one
  boost::asio::cancellation_signal learning;
  bool stopped = false;

  Result<> start();
  void use_certificate(std::shared_ptr<const rtp::DtlsIdentity> next);
  Result<> start_http();
  Result<> start_sfu();
  Result<> start_sip();
  void learn_streams();
  void stop();
  void close();
};

App::App(boost::asio::io_context& io, Config config) : impl_(std::make_unique<Impl>(io, std::move(config))) {}
App::~App() {
  impl_->stop();
  impl_->close();
}
Result<> App::start() {
  return impl_->start();
}
void App::stop() {
  impl_->stop();
}

Result<> App::Impl::start() {
  auto made = certificates.start();
  if (!made) return made.error();
  identity = std::move(*made);
  auto layouts = load_layouts(find_layouts(config.rooms.layouts));
  if (!layouts) return layouts.error();
  services.layouts = *layouts;
  auto decor = load_decor(config.rooms);
  if (!decor) return decor.error();
  services.decor = *decor;
  if (auto known = check_layout_names(*services.layouts, config.rooms); !known) return known;
  engine = std::make_unique<mixer::Engine>(mixer::EngineConfig{.worker_threads = config.mixer.threads,
                                                               .font = mixer::EngineConfig{}.font,
                                                               .layouts = services.layouts,
                                                               .governor = config.mixer.governor,
                                                               .pass_through = config.mixer.pass_through});
  ice = std::make_unique<rtp::NiceService>(identity);
  ports = std::make_unique<rtp::PortPool>(static_cast<uint16_t>(config.sip.rtp_first_port),
                                          static_cast<uint16_t>(config.sip.rtp_last_port));
  events = std::make_unique<EventBus>(io.get_executor());
  services.executor = io.get_executor();
  services.own_hook_token = core::random_token(24);
  services.config = &config;
  services.engine = engine.get();
  services.ice = ice.get();
  services.ports = ports.get();
  services.events = events.get();
  reaper = std::make_unique<Reaper>();
  services.reaper = reaper.get();
  services.outbox = Outbox::create(io.get_executor());
  services.whip_url = config.sfu.whip_url;
  services.whep_url = config.sfu.whep_url;
  rooms = std::make_unique<RoomManager>(services);
  api = std::make_unique<Api>(services, *rooms, find_web_root(config.http.web_root));
  if (auto done = start_http(); !done) return done.error();
  if (auto done = start_sip(); !done) return done.error();
  rooms->start();
  learn_streams();
  return {};
}

// Streams that were at SRS before us; those that come later are told by its hooks.
void App::Impl::learn_streams() {
  if (config.sfu.api_url.empty()) return;
  const auto told = [this](const SrsHook& hook) {
    if (stopped) return false;
    // Mixes of a gateway that ran before us are no participants; judge_hook() refuses them.
    if (rooms->judge_hook(hook)) rooms->apply_hook(hook);
    return true;
  };
  boost::asio::co_spawn(io, learn_from_srs({config.sfu.api_url, config.sfu.verify_tls, config.sfu.ca_file}, told),
                        boost::asio::bind_cancellation_slot(learning.slot(), boost::asio::detached));
}

void App::Impl::use_certificate(std::shared_ptr<const rtp::DtlsIdentity> next) {
  identity = std::move(next);
  ice->set_identity(identity);
  if (sfu) sfu->set_identity(identity);
}

Result<> App::Impl::start_http() {
  core::http::ServerConfig server;
  server.address = config.http.address;
  server.port = static_cast<uint16_t>(config.http.port);
  server.tls_certificate_file = config.http.tls_certificate;
  server.tls_key_file = config.http.tls_key;
  server.trusted_proxies = config.http.trusted_proxies;
  http = std::make_unique<core::http::Server>(services.executor, server);
  core::http::ServerConfig inner;
  inner.address = "127.0.0.1";
  inner.port = 0;
  loopback = std::make_unique<core::http::Server>(services.executor, inner);
  api->add_routes(*loopback);
  if (config.sfu.embedded) {
    if (auto done = loopback->start(); !done) return done.error().with_context("[http] loopback");
    if (auto done = start_sfu(); !done) return done.error();
  } else {
    relay.add_routes(*http);
  }
  api->add_routes(*http);
  if (auto done = http->start(); !done) return done.error().with_context("[http]");
  core::log_info("http://{}:{} serves the join page, WHIP, WHEP and the API{}", config.http.address, http->port(),
                 config.http.tls_certificate.empty() ? "" : " (TLS)");
  return {};
}

Result<> App::Impl::start_sfu() {
  sfu::SfuConfig settings;
  settings.ice.listen_address = config.webrtc.address;
  settings.ice.port = static_cast<uint16_t>(config.webrtc.port);
  settings.ice.tcp = config.webrtc.tcp;
  settings.ice.advertised_addresses = config.webrtc.advertised_addresses;
  settings.ice_servers = config.webrtc.ice_servers;
  settings.publish_token = config.sfu.publish_token;
  settings.play_token = config.sfu.play_token;
  const std::string own = fmt::format("http://127.0.0.1:{}", loopback->port());
  // Ours last: a room hears of nobody whom another one refuses, however late.
  settings.hook_urls = config.sfu.hook_urls;
  settings.hook_urls.push_back(own + "/hooks/srs?token=" + services.own_hook_token);
  sfu = std::make_unique<sfu::Sfu>(services.executor, settings, identity);
  if (auto done = sfu->start(); !done) return done.error().with_context("[webrtc]");
  services.links = &sfu->links();
  sfu->add_routes(*loopback);
  sfu->add_routes(*http);
  if (config.sfu.whip_url.empty()) {
    services.whip_url = own + "/whip/{room}/{stream}";
    services.whep_url = own + "/whep/{room}/{stream}";
  }
  core::log_info("WebRTC media on UDP {}port {}", config.webrtc.tcp ? "and TCP " : "", sfu->media_port());
  return {};
}

Result<> App::Impl::start_sip() {
  if (!config.sip.enabled) return {};
  sip::UserAgentConfig settings;
  settings.listen_address = config.sip.address;
  settings.port = static_cast<uint16_t>(config.sip.port);
  settings.advertised_address = config.sip.advertised_address;
  settings.max_calls = static_cast<size_t>(config.sip.max_calls);
  settings.requests_per_second_per_source = static_cast<unsigned>(config.sip.requests_per_second_per_source);
  settings.trusted_sources = config.sip.trusted_sources;
  sip = std::make_unique<sip::UserAgent>(settings, services.executor, *rooms);
  services.sip = sip.get();
  if (auto done = sip->start(); !done) return done.error().with_context("[sip]");
  const auto& shown = config.sip.advertised_address.empty() ? config.sip.address : config.sip.advertised_address;
  sip->set_availability({true, sip_capabilities_sdp(shown)});
  const bool wildcard = shown == "0.0.0.0" || shown == "::";
  core::log_info("SIP on UDP and TCP port {}: dial sip:ROOM@{}:{}", sip->port(), wildcard ? "HOST" : shown,
                 sip->port());
  return {};
}

void App::Impl::stop() {
  if (std::exchange(stopped, true)) return;
  learning.emit(boost::asio::cancellation_type::all);
  certificates.stop();
  if (events) events->close();
  if (rooms) rooms->stop();
  services.sip = nullptr;
  sip.reset();
}

// Later than stop(): until then our own DELETEs must still find somebody who answers.
void App::Impl::close() {
  services.links = nullptr;
  if (sfu) sfu->stop();
  if (http) http->stop();
  if (loopback) loopback->stop();
}

}  // namespace partyline::gateway
