// SocketPoller: one epoll set for the many sockets of an executor's context, one a phone. Asio's way costs an operation
// object, a dispatch and a system call (epoll_ctl) for each packet; this one costs a share of one epoll_wait for all
// that came at the same time.
//
// Thread: the executor's, one at a time: for contexts that one thread runs. While a socket is in it, the context has
// work.
#pragma once

#include <sys/epoll.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/footprint.hpp"

namespace partyline::rtp {

/// Who reads a descriptor.
class Readable {
 public:
  virtual void on_readable() = 0;

 protected:
  ~Readable() = default;
};

class SocketPoller final : public boost::asio::execution_context::service {
 public:
  static boost::asio::execution_context::id id;
  /// The one of the executor's context.
  static SocketPoller& of(const boost::asio::any_io_executor& executor);
  explicit SocketPoller(boost::asio::execution_context& context);
  ~SocketPoller() override;

  /// `reader` is called while the descriptor is readable, until remove(), which it may call. What it leaves unread it
  /// is called for again.
  void add(const boost::asio::any_io_executor& executor, int descriptor, Readable& reader);
  /// What the reader's next call will touch.
  void set_footprint(int descriptor, const core::Footprint& footprint);
  /// Before the descriptor is closed.
  void remove(int descriptor);

 private:
  struct Slot {
    uint32_t generation = 0;  // tells a descriptor from the one that had its number before
    Readable* reader = nullptr;
    core::Footprint footprint;
  };
  void shutdown() override;
  void listen();
  void serve();
  void fetch_slot(const epoll_event& event) const;

  int epoll_;
  std::vector<Slot> slots_;  // by descriptor
  size_t used_ = 0;
  std::optional<boost::asio::posix::stream_descriptor> listener_;
  bool listening_ = false;
};

}  // namespace partyline::rtp
