// Mutex: a mutex that lends its holder the priority of whoever waits for it (PTHREAD_PRIO_INHERIT). For everything that
// the audio tick shares with ordinary threads: without it, a holder that a busy machine does not let run stops the
// tick.
//
// Thread: any. Lockable, so it goes with std::lock_guard; not with std::condition_variable (see bell.hpp).
#pragma once

#include <pthread.h>

namespace partyline::core {

class Mutex {
 public:
  Mutex() {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&mutex_, &attributes);
    pthread_mutexattr_destroy(&attributes);
  }
  ~Mutex() { pthread_mutex_destroy(&mutex_); }
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() { pthread_mutex_lock(&mutex_); }
  void unlock() { pthread_mutex_unlock(&mutex_); }
  bool try_lock() { return pthread_mutex_trylock(&mutex_) == 0; }

 private:
  pthread_mutex_t mutex_;
};

}  // namespace partyline::core
