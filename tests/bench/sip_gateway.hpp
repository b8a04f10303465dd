// The gateway under test as a process of its own, so that its processor time and memory are its own, and the floor as
// another: a bare loop that receives and sends the same packets on as many sockets.
//
// Thread: the benchmark's main thread.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include "tests/bench/bench_media.hpp"

namespace partyline::bench {

/// A child process that is ended with its owner.
class Child {
 public:
  /// `body` runs in the child, which never comes back from it.
  explicit Child(const std::function<void()>& body) : pid_(::fork()) {
    if (pid_ == 0) {
      body();
      ::_exit(1);
    }
  }
  ~Child() { stop(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    for (int i = 0; i < 500; ++i) {  // 5 s
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
        pid_ = 0;
        return;
      }
      std::this_thread::sleep_for(10ms);
    }
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

  /// Seconds of processor time of all its threads, to the nanosecond (man 5 proc: schedstat).
  double cpu() const {
    const std::string tasks = "/proc/" + std::to_string(pid_) + "/task";
    double total = 0;
    if (DIR* dir = ::opendir(tasks.c_str())) {
      while (const dirent* entry = ::readdir(dir)) {
        std::ifstream file(tasks + "/" + entry->d_name + "/schedstat");
        double ns = 0;
        if (file >> ns) total += ns * 1e-9;
      }
      ::closedir(dir);
    }
    return total;
  }
  /// Megabytes of resident memory.
  double resident() const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/statm");
    double pages = 0;
    file >> pages >> pages;
    return pages * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6;
  }

 private:
  pid_t pid_;
};

struct GatewayPorts {
  uint16_t sip = 0, http = 0;
};

/// The program beside this one with a configuration in `folder`. Any port of the machine may be busy: those asked for
/// are the caller's guess.
inline std::unique_ptr<Child> start_gateway(const std::string& folder, GatewayPorts ports, const std::string& more) {
  const std::string config = folder + "/partyline.toml", log = folder + "/gateway.log";
  std::ofstream(config) << "[log]\nlevel = \"warn\"\n[http]\naddress = \"127.0.0.1\"\nport = " << ports.http
                        << "\n[sip]\naddress = \"127.0.0.1\"\nport = " << ports.sip
                        << "\nmax_calls = 5000\nrtp_first_port = 30000\nrtp_last_port = 39999\n"
                        << "[webrtc]\naddress = \"127.0.0.1\"\nport = 0\n"
                        << "[rooms]\npush_mix = false\nmax_legs = 5000\nmax_rooms = 1000\n"
                        << more;
  std::string binary(4096, '\0');
  binary.resize(static_cast<size_t>(std::max<ssize_t>(::readlink("/proc/self/exe", binary.data(), binary.size()), 0)));
  binary = binary.substr(0, binary.rfind("/tests/")) + "/partyline";
  return std::make_unique<Child>([&] {
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::execl(binary.c_str(), binary.c_str(), "--config", config.c_str(), nullptr);
  });
}

}  // namespace partyline::bench
