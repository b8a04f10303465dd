// PlayoutQueue: a source's undecoded packets in the order of their sequence numbers. Bounded, allocates nothing.
// Thread: the audio tick.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include "core/frame.hpp"

namespace partyline::mixer {

/// A packet with its place on the 48 kHz time line.
struct QueuedFrame {
  core::EncodedFrame frame;
  int64_t time = 0;     ///< first sample, 48 kHz
  int64_t samples = 0;  ///< duration, 48 kHz
};

class PlayoutQueue {
 public:
  static constexpr size_t kCapacity = 64;
  enum class Insert { queued, duplicate, overflowed };  ///< overflowed: queued, and the oldest is gone

  Insert insert(QueuedFrame entry) {
    size_t at = count_;
    while (at > 0 && slot(at - 1).frame.sequence > entry.frame.sequence) --at;
    if (at > 0 && slot(at - 1).frame.sequence == entry.frame.sequence) return Insert::duplicate;
    Insert result = Insert::queued;
    if (count_ == kCapacity) {
      if (at > 0) --at;
      pop();
      result = Insert::overflowed;
    }
    for (size_t i = count_; i > at; --i) slot(i) = std::move(slot(i - 1));
    slot(at) = std::move(entry);
    ++count_;
    return result;
  }

  bool contains(int64_t sequence) const {
    size_t i = 0;
    while (i < count_ && at(i).frame.sequence < sequence) ++i;
    return i < count_ && at(i).frame.sequence == sequence;
  }
  bool empty() const { return count_ == 0; }
  size_t size() const { return count_; }
  QueuedFrame& front() { return slots_[first_]; }
  const QueuedFrame& at(size_t i) const { return slots_[(first_ + i) % kCapacity]; }
  void pop() {
    slots_[first_].frame.buffer = {};
    // From the start when it is empty: few slots are used, and those stay in the caches.
    first_ = --count_ == 0 ? 0 : (first_ + 1) % kCapacity;
  }
  void clear() {
    while (!empty()) pop();
  }

 private:
  QueuedFrame& slot(size_t i) { return slots_[(first_ + i) % kCapacity]; }

  size_t first_ = 0, count_ = 0;
  std::array<QueuedFrame, kCapacity> slots_;
};

}  // namespace partyline::mixer
