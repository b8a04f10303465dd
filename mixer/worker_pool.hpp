// The mixer's shared threads: decoders, compositors, encoders and their timers run here, each on its own strand. The
// audio tick never does.
//
// Thread: executor() from any; join() and the destructor not from one of the pool's own threads.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

namespace partyline::mixer {

class WorkerPool {
 public:
  explicit WorkerPool(int threads);  ///< 0: one a core
  ~WorkerPool();                     ///< joins
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  boost::asio::any_io_executor executor();
  /// Waits until everything that was posted has run; timers must have been cancelled before.
  void join();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace partyline::mixer
