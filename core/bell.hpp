// Bell: wakes another thread from the audio tick: ringing is one system call (eventfd), without memory and without a
// lock that an ordinary thread could hold while it is not let run (as Asio's scheduler and condition variables have).
//
// Thread: ring() from any; the rest from the one that listens.
#pragma once

#include "core/time.hpp"

namespace partyline::core {

class Bell {
 public:
  Bell();  ///< throws std::system_error when the process has no descriptor left
  ~Bell();
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  void ring() noexcept;
  /// Forgets all rings so far.
  void silence() noexcept;
  /// Waits for a ring and forgets it. False: none came until `deadline`.
  bool wait_until(TimePoint deadline);
  /// Readable when it has rung.
  int descriptor() const { return fd_; }

 private:
  int fd_;
};

}  // namespace partyline::core
