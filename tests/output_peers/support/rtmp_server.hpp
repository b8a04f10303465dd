// A real RTMP server (nginx with its rtmp module) of a test's own, on ports and in a folder of its own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace partyline::gateway {

class RtmpServer {
 public:
  /// Nothing of it runs yet.
  RtmpServer();
  ~RtmpServer();
  RtmpServer(const RtmpServer&) = delete;

  static bool installed();  ///< nginx, its rtmp and stream modules, and openssl
  bool start();             ///< false when it does not listen within half a minute
  void kill();
  void freeze();  ///< SIGSTOP: accepts into the kernel's buffers, reads nothing
  void thaw();

  std::string url(const std::string& application, const std::string& key) const;
  std::string tls_url(const std::string& application, const std::string& key) const;
  std::string certificate() const;  ///< self-signed, for 127.0.0.1

 private:
  bool listening(uint16_t port) const;
  void write_config() const;

  std::string folder_;
  uint16_t port_, tls_port_, http_port_;
  pid_t pid_ = -1;
};

/// Free on TCP and UDP of 127.0.0.1, and below the ephemeral range, where any other test's socket may turn up before it
/// is used.
uint16_t free_port();

/// Runs a program with its output in `output`; false when it fails or takes more than `seconds`.
bool run_program(const std::string& command, int seconds, std::string& output);

}  // namespace partyline::gateway
