// Mailbox: a bounded queue into an executor with one wake-up a burst. How the mixer's threads hand frames to the
// network thread: a tick that serves a thousand legs posts once, not a thousand times.
//
// Thread: push() from any; the handler runs on the executor, one item at a time.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace partyline::core {

template <class T>
class Mailbox : public std::enable_shared_from_this<Mailbox<T>> {
 public:
  Mailbox(boost::asio::any_io_executor executor, size_t capacity, std::function<void(T&)> handler)
      : executor_(std::move(executor)), capacity_(capacity), handler_(std::move(handler)) {
    waiting_.reserve(capacity);
    draining_.reserve(capacity);
  }

  /// False when the box is full: the item is dropped, and the caller counts it.
  bool push(T item) {
    bool wake = false;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.size() >= capacity_) return false;
      waiting_.push_back(std::move(item));
      wake = !std::exchange(scheduled_, true);
    }
    if (wake) boost::asio::post(executor_, [self = this->shared_from_this()] { self->drain(); });
    return true;
  }

 private:
  void drain() {
    {
      const std::lock_guard lock(mutex_);
      std::swap(waiting_, draining_);
      scheduled_ = false;
    }
    for (T& item : draining_) handler_(item);
    draining_.clear();
  }

  boost::asio::any_io_executor executor_;
  const size_t capacity_;
  std::function<void(T&)> handler_;
  std::mutex mutex_;  // held for a push or a swap only
  std::vector<T> waiting_;
  std::vector<T> draining_;
  bool scheduled_ = false;
};

}  // namespace partyline::core
