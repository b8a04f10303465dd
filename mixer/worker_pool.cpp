#include "mixer/worker_pool.hpp"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <string>
#include <thread>
#include <vector>

namespace partyline::mixer {
namespace {
constexpr int kNice = 5;  // pictures give way to the network thread, which carries the sound
}

struct WorkerPool::Impl {
  explicit Impl(int thread_count) : context(thread_count), work(context.get_executor()) {}
  boost::asio::io_context context;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work;
  std::vector<std::thread> threads;
};

WorkerPool::WorkerPool(int threads) {
  const int count = threads > 0 ? threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  impl_ = std::make_unique<Impl>(count);
  impl_->threads.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    impl_->threads.emplace_back([context = &impl_->context, i] {
      pthread_setname_np(pthread_self(), ("mixer-" + std::to_string(i)).c_str());
      setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);  // of this thread alone
      context->run();
    });
  }
}

WorkerPool::~WorkerPool() {
  join();
}

boost::asio::any_io_executor WorkerPool::executor() {
  return impl_->context.get_executor();
}

void WorkerPool::join() {
  impl_->work.reset();
  for (std::thread& thread : impl_->threads) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace partyline::mixer
