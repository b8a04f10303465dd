#include "core/bell.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace partyline::core {

Bell::Bell() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

Bell::~Bell() {
  ::close(fd_);
}

void Bell::ring() noexcept {
  const uint64_t once = 1;
  // Fails only when it has rung 2^64 times unheard.
  [[maybe_unused]] const ssize_t written = ::write(fd_, &once, sizeof once);
}

void Bell::silence() noexcept {
  uint64_t times = 0;
  [[maybe_unused]] const ssize_t read = ::read(fd_, &times, sizeof times);
}

bool Bell::wait_until(TimePoint deadline) {
  pollfd wanted{fd_, POLLIN, 0};
  for (;;) {
    const auto left = std::chrono::nanoseconds(std::max(deadline - Clock::now(), Duration::zero())).count();
    const timespec timeout{static_cast<time_t>(left / 1'000'000'000), static_cast<long>(left % 1'000'000'000)};
    const int ready = ::ppoll(&wanted, 1, &timeout, nullptr);
    if (ready > 0) {
      silence();
      return true;
    }
    if (ready == 0 || errno != EINTR) return false;
  }
}

}  // namespace partyline::core
