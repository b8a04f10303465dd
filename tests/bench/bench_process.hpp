// Other programs under a benchmark: started, measured and ended; and folders for what they leave behind.
//
// Thread: the benchmark's main thread.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace partyline::bench {

using namespace std::chrono_literals;

/// A folder that is gone afterwards.
struct Folder {
  std::string path = (std::filesystem::temp_directory_path() / "partyline-bench-XXXXXX").string();
  Folder() {
    if (!::mkdtemp(path.data())) std::exit(1);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
};

/// A busy machine holds up threads that are niced. Started with a higher priority than usual (nice -n -20), a benchmark
/// lends it to all threads of what it measures; otherwise nothing changes.
inline void lend_priority(pid_t process) {
  const int ours = ::getpriority(PRIO_PROCESS, 0);
  if (ours >= 0) return;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task", ignored)) {
    const auto task = static_cast<id_t>(std::stoul(entry.path().filename().string()));
    if (::getpriority(PRIO_PROCESS, task) > ours) ::setpriority(PRIO_PROCESS, task, ours);
  }
}

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

  void lend_priority() const { bench::lend_priority(pid_); }

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

/// A program found in PATH, its outputs in `log`.
inline std::unique_ptr<Child> start_program(std::vector<std::string> arguments, const std::string& log) {
  return std::make_unique<Child>([&] {
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    ::dup2(out, 1);
    ::dup2(out, 2);
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    ::execvp(pointers[0], pointers.data());
  });
}

}  // namespace partyline::bench
