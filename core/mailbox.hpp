// Mailbox: a bounded queue into an executor with one wake-up a burst. How the mixer's threads hand frames to the
// network thread: a tick that serves a thousand legs rings once, not a thousand times.
//
// Thread: push() from any, the audio tick included: it takes no memory and waits for nobody (see mutex.hpp, bell.hpp).
// The handler runs on the executor, one item at a time; what it does not take is destroyed there. While a mailbox
// lives, its executor's io_context has work.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "core/bell.hpp"
#include "core/mutex.hpp"

namespace partyline::core {

template <class T>
class Mailbox : public std::enable_shared_from_this<Mailbox<T>> {
 public:
  static std::shared_ptr<Mailbox> create(const boost::asio::any_io_executor& executor, size_t capacity,
                                         std::function<void(T&)> handler) {
    std::shared_ptr<Mailbox> box(new Mailbox(executor, capacity, std::move(handler)));
    box->listen();
    return box;
  }
  ~Mailbox() { listener_.release(); }  // the descriptor is the bell's
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  /// False when the box is full: the item is dropped, and the caller counts it.
  bool push(T item) {
    bool wake = false;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.size() >= capacity_) return false;
      waiting_.push_back(std::move(item));
      wake = !std::exchange(scheduled_, true);
    }
    if (wake) bell_.ring();
    return true;
  }

 private:
  Mailbox(const boost::asio::any_io_executor& executor, size_t capacity, std::function<void(T&)> handler)
      : capacity_(capacity), handler_(std::move(handler)), listener_(executor, bell_.descriptor()) {
    waiting_.reserve(capacity);
    draining_.reserve(capacity);
  }

  void listen() {
    listener_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                         [weak = this->weak_from_this()](const boost::system::error_code& error) {
                           const auto self = weak.lock();
                           if (!self || error) return;
                           self->drain();
                           self->listen();
                         });
  }

  void drain() {
    bell_.silence();
    {
      const std::lock_guard lock(mutex_);
      std::swap(waiting_, draining_);
      scheduled_ = false;
    }
    for (T& item : draining_) handler_(item);
    draining_.clear();
  }

  const size_t capacity_;
  std::function<void(T&)> handler_;
  Mutex mutex_;  // held for a push or a swap only
  std::vector<T> waiting_;
  std::vector<T> draining_;
  bool scheduled_ = false;
  Bell bell_;
  boost::asio::posix::stream_descriptor listener_;
};

}  // namespace partyline::core
