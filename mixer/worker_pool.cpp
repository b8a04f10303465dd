#include "mixer/worker_pool.hpp"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/execution.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace partyline::mixer {
namespace {

namespace asio = boost::asio;

constexpr int kNice = 5;  // pictures give way to the network thread, which carries the sound

/// A handler that can be moved only, which std::function does not take.
class Task {
 public:
  virtual ~Task() = default;
  virtual void run() = 0;
};

template <class Handler>
class TaskOf final : public Task {
 public:
  explicit TaskOf(Handler handler) : handler_(std::move(handler)) {}
  void run() override { std::move(handler_)(); }

 private:
  Handler handler_;
};

struct Entry {
  core::TimePoint due;
  uint64_t order = 0;  // equally urgent: as they came
  std::unique_ptr<Task> task;
  std::shared_ptr<WorkAccount> account;
  bool operator<(const Entry& other) const {  // the heap's top is its greatest
    return std::pair(other.due, other.order) < std::pair(due, order);
  }
};

int64_t to_ns(core::Duration duration) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
}

}  // namespace

struct WorkerPool::Impl {
  explicit Impl(int thread_count) : context(thread_count), work(context.get_executor()) {}

  // The io_context carries one token a task, and each token runs whatever is most urgent by then.
  void post(core::Duration due_in, std::unique_ptr<Task> task, std::shared_ptr<WorkAccount> account) {
    const core::TimePoint due = core::Clock::now() + due_in;
    {
      const std::lock_guard lock(mutex);
      queue.push_back({due, posted++, std::move(task), std::move(account)});
      std::push_heap(queue.begin(), queue.end());
    }
    asio::post(context, [this] { run_most_urgent(); });
  }

  void run_most_urgent() {
    Entry entry;
    {
      const std::lock_guard lock(mutex);
      std::pop_heap(queue.begin(), queue.end());
      entry = std::move(queue.back());
      queue.pop_back();
    }
    const core::TimePoint began = core::Clock::now();
    const int64_t late = to_ns(began - entry.due);
    for (int64_t most = latest_ns.load(); late > most && !latest_ns.compare_exchange_weak(most, late);) {
    }
    entry.task->run();
    entry.task.reset();
    const int64_t took = to_ns(core::Clock::now() - began);
    busy_ns += took;
    if (entry.account) entry.account->ns += took;
  }

  asio::io_context context;
  asio::executor_work_guard<asio::io_context::executor_type> work;
  std::vector<std::thread> threads;
  std::mutex mutex;          // held for a heap operation
  std::vector<Entry> queue;  // a heap
  uint64_t posted = 0;
  std::atomic<int64_t> busy_ns{0}, latest_ns{0};
  std::mutex load_mutex;
  core::TimePoint load_since = core::Clock::now();
};

/// An executor in the sense of Asio (execution::executor): never runs what it is given at once.
class WorkerPool::Executor {
 public:
  Executor(Impl& pool, core::Duration due_in, std::shared_ptr<WorkAccount> account)
      : pool_(&pool), due_in_(due_in), account_(std::move(account)) {}

  template <class Handler>
  void execute(Handler handler) const {
    pool_->post(due_in_, std::make_unique<TaskOf<Handler>>(std::move(handler)), account_);
  }
  asio::execution_context& query(asio::execution::context_t) const noexcept { return pool_->context; }
  static constexpr asio::execution::blocking_t query(asio::execution::blocking_t) noexcept {
    return asio::execution::blocking_t(asio::execution::blocking.never);
  }
  friend bool operator==(const Executor& a, const Executor& b) noexcept {
    return a.pool_ == b.pool_ && a.due_in_ == b.due_in_ && a.account_ == b.account_;
  }
  friend bool operator!=(const Executor& a, const Executor& b) noexcept { return !(a == b); }

 private:
  Impl* pool_;
  core::Duration due_in_;
  std::shared_ptr<WorkAccount> account_;
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

boost::asio::any_io_executor WorkerPool::executor(core::Duration due_in, std::shared_ptr<WorkAccount> account) {
  return Executor(*impl_, due_in, std::move(account));
}

PoolLoad WorkerPool::take_load(core::TimePoint now) {
  const std::lock_guard lock(impl_->load_mutex);
  const core::TimePoint since = std::exchange(impl_->load_since, now);
  const int64_t there_was = std::max<int64_t>(to_ns(now - since), 1) * threads();
  PoolLoad load;
  load.busy = std::min(1.0, static_cast<double>(impl_->busy_ns.exchange(0)) / static_cast<double>(there_was));
  load.latest = std::chrono::nanoseconds(std::max<int64_t>(impl_->latest_ns.exchange(0), 0));
  return load;
}

int WorkerPool::threads() const {
  return static_cast<int>(impl_->threads.size());
}

void WorkerPool::join() {
  impl_->work.reset();
  for (std::thread& thread : impl_->threads) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace partyline::mixer
