// The way from the mixer's threads to the network thread: one mailbox for all legs, so that a tick that serves a
// thousand of them wakes the network thread once.
#pragma once

#include <memory>

#include "core/counters.hpp"
#include "core/frame.hpp"
#include "core/mailbox.hpp"

namespace partyline::gateway {

/// Sends a frame to its peer. Thread: network.
class FrameSender {
 public:
  virtual ~FrameSender() = default;
  virtual void send_frame(const core::EncodedFrame& frame) = 0;
};

/// Thread: post() from any; senders are called on the executor. A sender that is gone is skipped.
class Outbox {
 public:
  explicit Outbox(const boost::asio::any_io_executor& executor)
      : mailbox_(core::Mailbox<Item>::create(executor, kCapacity, [](Item& item) {
          if (const auto sender = item.sender.lock()) sender->send_frame(item.frame);
        })) {}

  void post(const std::weak_ptr<FrameSender>& sender, const core::EncodedFrame& frame) {
    static core::Counter& dropped = core::counter("partyline_outbox_dropped_total");
    if (!mailbox_->push({sender, frame})) dropped.add();
  }

 private:
  static constexpr size_t kCapacity = 16384;  // about a third of a second for a thousand legs
  struct Item {
    std::weak_ptr<FrameSender> sender;
    core::EncodedFrame frame;
  };
  std::shared_ptr<core::Mailbox<Item>> mailbox_;
};

/// The mixer's end of it.
class OutboxSink final : public core::FrameSink {
 public:
  OutboxSink(std::shared_ptr<Outbox> outbox, std::weak_ptr<FrameSender> sender)
      : outbox_(std::move(outbox)), sender_(std::move(sender)) {}
  void push(const core::EncodedFrame& frame) override { outbox_->post(sender_, frame); }

 private:
  std::shared_ptr<Outbox> outbox_;
  std::weak_ptr<FrameSender> sender_;
};

}  // namespace partyline::gateway
