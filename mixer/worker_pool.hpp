// The mixer's shared threads: decoders, compositors, encoders and their timers run here, each on its own strand. The
// audio tick never does. What is due first runs first, whatever came first:
//
//   strand ──┐                        ┌─ mixer-0
//   strand ──┼─▶ queue by due time ───┼─ mixer-1      how long work takes, and how late it begins, is what
//   post   ──┘                        └─ …            the governor lives on (PoolLoad)
//
// Thread: executor() and take_load() from any; join() and the destructor not from one of the pool's own threads.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <memory>

#include "core/time.hpp"

namespace partyline::mixer {

/// How soon after it was posted a piece of work should begin.
inline constexpr core::Duration kTickDue{};  ///< a room's tick, and what its strand must know before
inline constexpr core::Duration kEncodeDue = std::chrono::milliseconds(10);
inline constexpr core::Duration kDecodeDue = std::chrono::milliseconds(20);
inline constexpr core::Duration kLeisure = std::chrono::milliseconds(500);  ///< labels, cleaning

/// Time the pool's threads spent for one customer, waiting for a core included. Thread: any.
struct WorkAccount {
  std::atomic<int64_t> ns{0};
};

struct PoolLoad {
  double busy = 0;          ///< share of all threads' time that went into work, 0 … 1, waiting for a core included
  core::Duration latest{};  ///< the most that a piece of work began after it was due
};

class WorkerPool {
 public:
  explicit WorkerPool(int threads);  ///< 0: one a core
  ~WorkerPool();                     ///< joins
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Work posted here is due so long after, and charged to `account` if there is one.
  boost::asio::any_io_executor executor(core::Duration due_in = kTickDue,
                                        std::shared_ptr<WorkAccount> account = nullptr);
  /// Since it was last called.
  PoolLoad take_load(core::TimePoint now);
  int threads() const;
  /// Waits until everything that was posted has run; timers must have been cancelled before.
  void join();

 private:
  struct Impl;
  class Executor;
  std::unique_ptr<Impl> impl_;
};

}  // namespace partyline::mixer
