// Reaper: a thread that destroys what takes its time to go (a live output says goodbye to its server), so that the
// network thread never waits. Thread: bury() from any; the destructor waits until everything is buried.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

namespace partyline::gateway {

class Reaper {
 public:
  Reaper() : thread_([this] { work(); }) {}
  ~Reaper() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  Reaper(const Reaper&) = delete;

  void bury(std::shared_ptr<void> thing) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(thing));
    }
    wake_.notify_one();
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      auto thing = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      thing.reset();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<void>> waiting_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace partyline::gateway
