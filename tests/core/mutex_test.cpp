// That the holder of a Mutex runs with the priority of who waits for it. Needs the right to real-time priorities.
#include "core/mutex.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>

namespace partyline::core {
namespace {

// Field 18 of /proc/…/stat (man 5 proc): below zero for real-time priorities, lent ones included.
long kernel_priority(pid_t thread) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string field;
  for (int i = 3; i <= 18; ++i) fields >> field;
  return std::stol(field);
}

TEST(Mutex, LendsItsHolderThePriorityOfWhoWaits) {
  Mutex mutex;
  std::atomic<bool> may_run{true};
  mutex.lock();
  const pid_t holder = ::gettid();
  const long before = kernel_priority(holder);
  std::thread waiter([&] {
    sched_param priority{};
    priority.sched_priority = 10;
    if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority) != 0) {
      may_run = false;
      return;
    }
    const std::lock_guard lock(mutex);
  });
  long during = before;
  // It is the kernel that lends, in its own time, and only a look at /proc tells: seconds of looks at most.
  for (int i = 0; i < 200'000 && during >= 0 && may_run; ++i) {
    std::this_thread::yield();
    during = kernel_priority(holder);
  }
  mutex.unlock();
  waiter.join();
  if (!may_run)
    GTEST_SKIP()
        << "skipped: priorities are lent to real-time threads only, and this user may not make one (ulimit -r)";
  EXPECT_GE(before, 0);
  EXPECT_EQ(during, -11);
  EXPECT_EQ(kernel_priority(holder), before);
}

TEST(Mutex, IsHeldByOneAtATime) {
  Mutex mutex;
  int count = 0;
  std::thread other([&] {
    for (int i = 0; i < 10'000; ++i) {
      const std::lock_guard lock(mutex);
      ++count;
    }
  });
  for (int i = 0; i < 10'000; ++i) {
    const std::lock_guard lock(mutex);
    ++count;
  }
  other.join();
  EXPECT_EQ(count, 20'000);
  EXPECT_TRUE(mutex.try_lock());
  mutex.unlock();
}

}  // namespace
}  // namespace partyline::core
