#include "tests/output_peers/support/rtmp_server.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>

#include "tests/output_peers/support/waiting.hpp"

extern char** environ;  // NOLINT: POSIX wants it declared by its user

namespace partyline::gateway {

namespace {

using boost::asio::ip::tcp;
using boost::asio::ip::udp;

constexpr const char* rtmp_module = "/usr/lib/nginx/modules/ngx_rtmp_module.so";
constexpr const char* stream_module = "/usr/lib/nginx/modules/ngx_stream_module.so";

}  // namespace

uint16_t free_port() {
  static std::mt19937 random(std::random_device{}());
  const auto here = boost::asio::ip::make_address("127.0.0.1");
  for (int tries = 0; tries < 100; ++tries) {
    const auto port = std::uniform_int_distribution<uint16_t>(10'000, 32'000)(random);
    boost::asio::io_context context;
    tcp::acceptor acceptor(context);
    udp::socket socket(context, udp::v4());
    boost::system::error_code tcp_error, udp_error;
    acceptor.open(tcp::v4());
    acceptor.bind({here, port}, tcp_error);
    socket.bind({here, port}, udp_error);
    if (!tcp_error && !udp_error) return port;
  }
  return 0;
}

bool run_program(const std::string& command, int seconds, std::string& output) {
  FILE* pipe = popen(fmt::format("timeout {} {} 2>&1 </dev/null", seconds, command).c_str(), "r");
  if (!pipe) return false;
  std::array<char, 4096> chunk{};
  while (const size_t got = fread(chunk.data(), 1, chunk.size(), pipe)) output.append(chunk.data(), got);
  return pclose(pipe) == 0;
}

RtmpServer::RtmpServer() : port_(free_port()), tls_port_(free_port()), http_port_(free_port()) {
  std::string name = (std::filesystem::temp_directory_path() / "partyline-rtmp-XXXXXX").string();
  folder_ = mkdtemp(name.data()) ? name : "";
  std::string output;
  run_program(fmt::format("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout {0}/k.pem -out {0}/c.pem "
                          "-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1,DNS:localhost",
                          folder_),
              20, output);
  write_config();
}

RtmpServer::~RtmpServer() {
  kill();
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

bool RtmpServer::installed() {
  std::string output;
  return std::filesystem::exists(rtmp_module) && std::filesystem::exists(stream_module) &&
         run_program("nginx -v", 5, output) && run_program("openssl version", 5, output);
}

void RtmpServer::write_config() const {
  std::ofstream(folder_ + "/nginx.conf")
      << "load_module " << rtmp_module << ";\nload_module " << stream_module << ";\n"
      << "daemon off; master_process off; user root; pid " << folder_ << "/nginx.pid;\nerror_log " << folder_
      << "/error.log info;\nevents { worker_connections 64; }\n"
      << "rtmp { server { listen 127.0.0.1:" << port_ << "; chunk_size 4096;\n"
      << "  application open { live on; }\n"
      << "  application closed { live on; notify_method get; on_publish http://127.0.0.1:" << http_port_
      << "/no; } } }\n"
      << "stream { server { listen 127.0.0.1:" << tls_port_ << " ssl; ssl_certificate " << folder_
      << "/c.pem; ssl_certificate_key " << folder_ << "/k.pem; proxy_pass 127.0.0.1:" << port_ << "; } }\n"
      << "http { access_log off; client_body_temp_path " << folder_ << "/tmp;\n"
      << "  server { listen 127.0.0.1:" << http_port_ << "; location / { return 403; } } }\n";
}

bool RtmpServer::listening(uint16_t port) const {
  boost::asio::io_context context;
  tcp::socket socket(context);
  boost::system::error_code failure;
  socket.connect({boost::asio::ip::make_address("127.0.0.1"), port}, failure);
  return !failure;
}

bool RtmpServer::start() {
  const std::string config = folder_ + "/nginx.conf";
  std::array<const char*, 6> arguments{"nginx", "-p", folder_.c_str(), "-c", config.c_str(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 2, (folder_ + "/stderr").c_str(), O_CREAT | O_WRONLY, 0600);
  posix_spawnp(&pid_, "nginx", &actions, nullptr, const_cast<char**>(arguments.data()), environ);
  posix_spawn_file_actions_destroy(&actions);
  return pid_ > 0 && eventually(std::chrono::seconds(30), [this] { return listening(port_) && listening(tls_port_); });
}

void RtmpServer::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void RtmpServer::freeze() {
  ::kill(pid_, SIGSTOP);
}

void RtmpServer::thaw() {
  ::kill(pid_, SIGCONT);
}

std::string RtmpServer::url(const std::string& application, const std::string& key) const {
  return fmt::format("rtmp://127.0.0.1:{}/{}/{}", port_, application, key);
}

std::string RtmpServer::tls_url(const std::string& application, const std::string& key) const {
  return fmt::format("rtmps://127.0.0.1:{}/{}/{}", tls_port_, application, key);
}

std::string RtmpServer::certificate() const {
  return folder_ + "/c.pem";
}

}  // namespace partyline::gateway
