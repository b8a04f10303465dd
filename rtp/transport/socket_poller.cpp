#include "rtp/transport/socket_poller.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace partyline::rtp {
namespace {
constexpr size_t kEvents = 256;
constexpr int kMostRounds = 4;  // before other work of the executor gets its turn
}  // namespace

boost::asio::execution_context::id SocketPoller::id;

SocketPoller& SocketPoller::of(const boost::asio::any_io_executor& executor) {
  return boost::asio::use_service<SocketPoller>(boost::asio::query(executor, boost::asio::execution::context));
}

SocketPoller::SocketPoller(boost::asio::execution_context& context)
    : boost::asio::execution_context::service(context), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
}

SocketPoller::~SocketPoller() {
  ::close(epoll_);
}

void SocketPoller::shutdown() {
  if (listener_) listener_->release();
  listener_.reset();
  slots_.clear();
}

void SocketPoller::add(const boost::asio::any_io_executor& executor, int descriptor, Readable& reader) {
  const auto at = static_cast<size_t>(descriptor);
  if (slots_.size() <= at) slots_.resize(at + 1);
  Slot& slot = slots_[at];
  slot.reader = &reader;
  ++slot.generation;
  ++used_;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = uint64_t{slot.generation} << 32 | static_cast<uint32_t>(descriptor);
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
  if (!listener_) listener_.emplace(executor, epoll_);
  if (!std::exchange(listening_, true)) listen();
}

void SocketPoller::set_footprint(int descriptor, const core::Footprint& footprint) {
  const auto at = static_cast<size_t>(descriptor);
  if (at < slots_.size()) slots_[at].footprint = footprint;
}

void SocketPoller::remove(int descriptor) {
  const auto at = static_cast<size_t>(descriptor);
  if (at >= slots_.size() || slots_[at].reader == nullptr) return;
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
  slots_[at].reader = nullptr;
  slots_[at].footprint = {};
  if (--used_ == 0 && listener_) {
    boost::system::error_code ignored;
    listener_->cancel(ignored);
  }
}

void SocketPoller::listen() {
  listener_->async_wait(boost::asio::posix::stream_descriptor::wait_read,
                        [this](const boost::system::error_code& error) {
                          if (!error) serve();
                          listening_ = used_ > 0 && listener_;
                          if (listening_) listen();
                        });
}

// Fetches what tells who is to be called, and what he will touch.
void SocketPoller::fetch_slot(const epoll_event& event) const {
  core::fetch_ahead(&slots_[event.data.u64 & UINT32_MAX], sizeof(Slot));
}

void SocketPoller::serve() {
  std::array<epoll_event, kEvents> events;
  for (int round = 0; round < kMostRounds; ++round) {
    const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; ++i) {
      if (i + 2 < count) fetch_slot(events[static_cast<size_t>(i) + 2]);
      if (i + 1 < count) slots_[events[static_cast<size_t>(i) + 1].data.u64 & UINT32_MAX].footprint.fetch();
      const uint64_t who = events[static_cast<size_t>(i)].data.u64;
      const auto at = static_cast<size_t>(who & UINT32_MAX);
      if (at >= slots_.size() || slots_[at].generation != who >> 32) continue;
      if (Readable* const reader = slots_[at].reader) reader->on_readable();  // it may remove itself, or others
    }
    if (count < static_cast<int>(events.size())) return;
  }
}

}  // namespace partyline::rtp
