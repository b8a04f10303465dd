// SofiaThread: one thread that runs one su_root; the only place where Sofia-SIP's functions may be called.
//
// Thread: post() from any thread; start() and stop() from the owner's.
#pragma once

#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "core/result.hpp"
#include "sip/sofia.hpp"

namespace partyline::sip {

class SofiaThread {
 public:
  SofiaThread() = default;
  ~SofiaThread();
  SofiaThread(const SofiaThread&) = delete;
  SofiaThread& operator=(const SofiaThread&) = delete;

  /// Starts the thread and runs `setup` on it; its failure stops the thread again and is returned.
  core::Result<> start(std::function<core::Result<>(su_root_t*)> setup, std::function<void()> teardown);
  bool running() const { return thread_.joinable(); }
  /// Any thread: post() would take a command.
  bool accepting() const;

  /// Runs `command` on the thread, in order. False (and dropped) when the thread does not run.
  bool post(std::function<void()> command);
  /// On the thread only: leave the loop after this call-back.
  void leave();
  /// Waits until somebody calls leave().
  void join();

 private:
  static int on_wake(su_root_magic_t*, su_wait_t*, su_wakeup_arg_t* self);
  void run(const std::function<core::Result<>(su_root_t*)>& setup, const std::function<void()>& teardown,
           std::function<void(core::Result<>)> started);
  void drain();

  std::thread thread_;
  su_root_t* root_ = nullptr;
  mutable std::mutex mutex_;
  std::vector<std::function<void()>> commands_;
  bool accepting_ = false;
  int wake_fd_ = -1;
};

}  // namespace partyline::sip
