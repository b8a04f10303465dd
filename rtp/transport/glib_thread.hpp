// GlibThread: one GLib main loop on its own thread, and a way into it. libnice's timers and sockets live there.
// Thread: post() from any. The destructor lets posted work and closing agents finish (at most a second) and joins.
#pragma once

#include <glib.h>

#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace partyline::rtp {

class GlibThread {
 public:
  GlibThread();
  ~GlibThread();
  GlibThread(const GlibThread&) = delete;

  GMainContext* context() const { return context_; }
  /// Runs `work` on the loop, in order of posting.
  void post(std::function<void()> work);
  /// Agents that are still saying goodbye to their TURN servers.
  std::atomic<int>& closing() { return closing_; }

 private:
  void run();
  void run_first();

  GMainContext* const context_;
  // Work waits here and not in the loop's sources, whose locks ThreadSanitizer cannot see.
  std::mutex mutex_;
  std::deque<std::function<void()>> work_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> closing_ = 0;
  std::thread thread_;
};

}  // namespace partyline::rtp
