// The way from the mixer's threads to the network thread: one box for all legs, so that a tick that serves a thousand
// of them wakes the network thread once, and leaves it one frame with a thousand addresses.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/bell.hpp"
#include "core/footprint.hpp"
#include "core/frame.hpp"
#include "core/mutex.hpp"

namespace partyline::gateway {

/// Sends a frame to its peer. Thread: network.
class FrameSender {
 public:
  virtual ~FrameSender() = default;
  virtual void send_frame(const core::EncodedFrame& frame) = 0;
};

/// Thread: post() from any, the audio tick included: it takes no memory and waits for nobody; the rest: network, where
/// senders are called. While it lives, its executor's io_context has work.
class Outbox : public std::enable_shared_from_this<Outbox> {
 public:
  /// A sender's address.
  struct Address {
    uint32_t slot = 0, generation = 0;
  };

  static std::shared_ptr<Outbox> create(const boost::asio::any_io_executor& executor);
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  Address add(std::weak_ptr<FrameSender> sender);
  /// What its send_frame() touches.
  void set_footprint(Address address, const core::Footprint& footprint);
  /// What is under way to it falls.
  void remove(Address address);

  /// False: the box is full, and the frame falls.
  bool post(Address to, const core::EncodedFrame& frame);

 private:
  static constexpr size_t kCapacity = 16384;  // letters: about a third of a second for a thousand legs
  struct Slot {
    std::weak_ptr<FrameSender> sender;
    uint32_t generation = 0;
    core::Footprint footprint;
  };
  struct Letter {
    Address to;
    uint32_t frame = 0;
  };
  struct Post {
    std::vector<Letter> letters;
    std::vector<core::EncodedFrame> frames;  // each once, however many get it
  };

  explicit Outbox(const boost::asio::any_io_executor& executor);
  void listen();
  void drain();
  void fetch_ahead(size_t letter) const;

  core::Mutex mutex_;  // held for a post or a swap only
  Post waiting_;
  bool scheduled_ = false;
  core::Bell bell_;
  boost::asio::posix::stream_descriptor listener_;
  // The network thread's.
  Post draining_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
};

/// The mixer's end of it. A frame behind one that fell says so (after_loss): else nobody would miss that. Thread: any,
/// one at a time.
class OutboxSink final : public core::FrameSink, public core::Footprinted {
 public:
  OutboxSink(std::shared_ptr<Outbox> outbox, Outbox::Address to) : outbox_(std::move(outbox)), to_(to) {}
  void push(const core::EncodedFrame& frame) override;
  void add_footprint(core::Footprint& footprint) const override { footprint.add(*this); }

 private:
  const std::shared_ptr<Outbox> outbox_;
  const Outbox::Address to_;
  bool lost_ = false;
};

}  // namespace partyline::gateway
