// partyline: reads the configuration, starts the gateway, ends it on SIGINT or SIGTERM.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdio>
#include <utility>

#include "core/log.hpp"
#include "gateway/app.hpp"
#include "gateway/config.hpp"
#include "gateway/layouts.hpp"

namespace {

using namespace partyline;

constexpr int kNetworkNice = -10;
constexpr rlim_t kMostFiles = 1 << 20;

/// A call with video holds four sockets, and most systems let a program begin with 1024 files.
void raise_file_limit() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  const rlim_t most = std::min(files.rlim_max, kMostFiles);
  if (files.rlim_cur >= most) return;
  const rlim_t before = std::exchange(files.rlim_cur, most);
  if (setrlimit(RLIMIT_NOFILE, &files) == 0) core::log_info("may open {} files instead of {}", most, before);
}

int run(gateway::Config config) {
  boost::asio::io_context io(1);
  boost::asio::signal_set signals(io, SIGINT, SIGTERM);
  std::signal(SIGPIPE, SIG_IGN);
  gateway::App app(io, std::move(config));
  if (auto started = app.start(); !started) {
    core::log_error("cannot start: {}", started.error().message);
    return 1;
  }
  core::log_info("ready");
  signals.async_wait([&](const boost::system::error_code& error, int signal) {
    if (error) return;
    core::log_info("{}: ending all calls", signal == SIGINT ? "interrupted" : "terminated");
    app.stop();
    // What is still on its way (BYE, DELETE, close_notify) has this long.
    auto grace = std::make_shared<boost::asio::steady_timer>(io, std::chrono::milliseconds(1500));
    grace->async_wait([&io, grace](const boost::system::error_code&) { io.stop(); });
  });
  // This thread carries all sound to and from the network: on a busy machine it goes before what is not as urgent.
  // Where that is not allowed, it takes its turn like everybody.
  if (setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNetworkNice) != 0) {
    core::log_debug("the network thread runs with ordinary priority");
  }
  io.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App cli("Partyline: SIP phones, browsers and live streams in one room.");
  std::string file;
  bool check_only = false;
  cli.add_option("-c,--config", file, "Configuration (TOML); without it the defaults hold");
  cli.add_flag("--check-config", check_only, "Only read the configuration and say whether it is good");
  cli.set_version_flag("--version", "partyline " PARTYLINE_VERSION);
  CLI11_PARSE(cli, argc, argv);

  gateway::Config config;
  if (!file.empty()) {
    auto loaded = gateway::load_config(file);
    if (!loaded) {
      std::fprintf(stderr, "%s\n", loaded.error().message.c_str());
      return 2;
    }
    config = std::move(*loaded);
  }
  if (check_only) {
    if (auto usable = gateway::check_rooms(config.rooms); !usable) {
      std::fprintf(stderr, "%s\n", usable.error().message.c_str());
      return 2;
    }
    std::printf("the configuration is good\n");
    return 0;
  }
  core::configure_log(config.log.level, config.log.format == "json" ? core::LogFormat::json : core::LogFormat::text);
  raise_file_limit();
  return run(std::move(config));
}
