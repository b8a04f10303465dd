#include "sip/sofia_thread.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <future>
#include <utility>

namespace partyline::sip {

SofiaThread::~SofiaThread() {
  if (running()) {
    post([this] { leave(); });
    join();
  }
  if (wake_fd_ >= 0) ::close(wake_fd_);
}

core::Result<> SofiaThread::start(std::function<core::Result<>(su_root_t*)> setup, std::function<void()> teardown) {
  if (running()) return core::make_error(core::ErrorCode::conflict, "the SIP thread is already running");
  static std::once_flag sofia_initialised;
  std::call_once(sofia_initialised, [] { su_init(); });
  if (wake_fd_ < 0) wake_fd_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_fd_ < 0) return core::make_error(core::ErrorCode::io, "no eventfd for the SIP thread");
  std::promise<core::Result<>> started;
  auto result = started.get_future();
  thread_ = std::thread([this, setup = std::move(setup), teardown = std::move(teardown), &started] {
    run(setup, teardown, [&started](core::Result<> outcome) { started.set_value(std::move(outcome)); });
  });
  auto outcome = result.get();
  if (!outcome) thread_.join();
  return outcome;
}

bool SofiaThread::accepting() const {
  const std::lock_guard lock(mutex_);
  return accepting_;
}

bool SofiaThread::post(std::function<void()> command) {
  {
    const std::lock_guard lock(mutex_);
    if (!accepting_) return false;
    commands_.push_back(std::move(command));
    if (commands_.size() > 1) return true;  // the wake-up is on its way
  }
  const uint64_t one = 1;
  return ::write(wake_fd_, &one, sizeof one) == sizeof one || errno == EAGAIN;
}

void SofiaThread::leave() {
  su_root_break(root_);
}

void SofiaThread::join() {
  if (thread_.joinable()) thread_.join();
}

int SofiaThread::on_wake(su_root_magic_t*, su_wait_t*, su_wakeup_arg_t* self) {
  reinterpret_cast<SofiaThread*>(self)->drain();
  return 0;
}

void SofiaThread::run(const std::function<core::Result<>(su_root_t*)>& setup, const std::function<void()>& teardown,
                      std::function<void(core::Result<>)> started) {
  root_ = su_root_create(nullptr);
  if (!root_) return started(core::make_error(core::ErrorCode::internal, "Sofia-SIP gave no event loop"));
  su_wait_t wait[1];
  su_wait_init(wait);
  int registration = -1;
  if (su_wait_create(wait, wake_fd_, SU_WAIT_IN) == 0)
    registration = su_root_register(root_, wait, on_wake, reinterpret_cast<su_wakeup_arg_t*>(this), 0);
  core::Result<> outcome =
      registration > 0 ? setup(root_)
                       : core::make_error(core::ErrorCode::internal, "Sofia-SIP's event loop takes no descriptor");
  const bool good = outcome.has_value();
  if (good) {
    const std::lock_guard lock(mutex_);
    accepting_ = true;
  }
  started(std::move(outcome));
  if (good) su_root_run(root_);
  {
    const std::lock_guard lock(mutex_);
    accepting_ = false;
    commands_.clear();
  }
  teardown();
  if (registration > 0) su_root_deregister(root_, registration);
  su_root_destroy(root_);
  root_ = nullptr;
}

void SofiaThread::drain() {
  uint64_t count = 0;
  if (::read(wake_fd_, &count, sizeof count) < 0 && errno != EAGAIN) return;
  std::vector<std::function<void()>> commands;
  {
    const std::lock_guard lock(mutex_);
    commands.swap(commands_);
  }
  for (const auto& command : commands) command();
}

}  // namespace partyline::sip
