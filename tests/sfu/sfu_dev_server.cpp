// The embedded SFU alone, for trying it with browsers by hand: sfu_dev_server HTTP_PORT MEDIA_PORT [FILE_AT_ROOT]
// Prints its streams every five seconds. Built on request only: ninja sfu_dev_server.
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "core/log.hpp"
#include "sfu/sfu.hpp"

using namespace partyline;

namespace {

std::string g_page;

boost::asio::awaitable<core::http::Response> serve_page(core::http::Request) {
  std::ifstream file(g_page);
  std::ostringstream text;
  text << file.rdbuf();
  co_return core::http::Response{200, {{"Content-Type", "text/html"}}, text.str(), {}};
}

void report(boost::asio::steady_timer& timer, const sfu::Sfu& server) {
  timer.expires_after(std::chrono::seconds(5));
  timer.async_wait([&](boost::system::error_code error) {
    if (error) return;
    for (const auto& stream : server.streams())
      core::log_info("{}/{} publishing={} players={} in={} out={}", stream.app, stream.stream, stream.publishing,
                     stream.players, stream.packets_in, stream.packets_out);
    report(timer, server);
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  core::configure_log("debug", core::LogFormat::text);
  boost::asio::io_context io;
  const auto identity = rtp::DtlsIdentity::generate();
  if (!identity) return 1;
  core::http::ServerConfig http;
  http.address = "127.0.0.1";
  http.port = static_cast<uint16_t>(std::atoi(argv[1]));
  core::http::Server server(io.get_executor(), http);
  sfu::SfuConfig config;
  config.ice.listen_address = "127.0.0.1";
  config.ice.port = static_cast<uint16_t>(std::atoi(argv[2]));
  for (int i = 4; i < argc; ++i) config.hook_urls.emplace_back(argv[i]);
  sfu::Sfu sfu(io.get_executor(), config, *identity);
  sfu.add_routes(server);
  if (argc > 3) {
    g_page = argv[3];
    server.route("GET", "/", serve_page);
  }
  for (const auto& started : {sfu.start(), server.start()}) {
    if (started) continue;
    core::log_error("{}", started.error().message);
    return 1;
  }
  boost::asio::steady_timer timer(io);
  report(timer, sfu);
  boost::asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](auto, int) { io.stop(); });
  io.run();
}
