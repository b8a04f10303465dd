// FrameBox: where the network thread leaves a member's encoded audio for the next tick. Bounded, overwrites the oldest,
// allocates nothing.
//
// Thread: push() from any, drain() from the audio tick; the lock is held for one handle.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

#include "core/footprint.hpp"
#include "core/frame.hpp"
#include "core/mutex.hpp"

namespace partyline::mixer {

class FrameBox {
 public:
  static constexpr size_t kCapacity = 64;

  /// A closed box (nobody listens in this room) lets every frame fall.
  void set_open(bool open) { open_.store(open, std::memory_order_relaxed); }
  bool open() const { return open_.load(std::memory_order_relaxed); }

  /// False: the box was full and its oldest frame is gone.
  bool push(const core::EncodedFrame& frame) {
    if (!open()) return true;
    const std::lock_guard lock(mutex_);
    const bool full = count_ == kCapacity;
    if (full) {
      first_ = (first_ + 1) % kCapacity;
      --count_;
    }
    frames_[(first_ + count_) % kCapacity] = frame;
    ++count_;
    newest_.store(frame.data.data(), std::memory_order_relaxed);
    waiting_.store(true, std::memory_order_relaxed);
    return !full;
  }
  /// Where the newest frame's bytes are, or were.
  const uint8_t* newest() const { return newest_.load(std::memory_order_relaxed); }

  /// Of push(), when nothing waits.
  void add_footprint(core::Footprint& footprint) const { footprint.add_between(this, &frames_[1]); }

  /// Moves what waits to `take(EncodedFrame&&)`, oldest first: mostly one, which never leaves the caches on its way.
  template <class Take>
  void drain(Take&& take) {
    if (!waiting_.load(std::memory_order_relaxed)) return;
    bool more = true;
    for (size_t taken = 0; more && taken < kCapacity; ++taken) {
      core::EncodedFrame frame;
      more = pop(frame);
      take(std::move(frame));
    }
  }

 private:
  // There is one. True: there are more.
  bool pop(core::EncodedFrame& frame) {
    const std::lock_guard lock(mutex_);
    frame = std::move(frames_[first_]);
    // From the start when it is empty: few slots are used, and those stay in the caches.
    first_ = --count_ == 0 ? 0 : (first_ + 1) % kCapacity;
    if (count_ == 0) waiting_.store(false, std::memory_order_relaxed);
    return count_ > 0;
  }

  std::atomic<bool> open_{true};
  std::atomic<bool> waiting_{false};
  std::atomic<const uint8_t*> newest_{nullptr};
  core::Mutex mutex_;
  size_t first_ = 0, count_ = 0;
  std::array<core::EncodedFrame, kCapacity> frames_;
};

}  // namespace partyline::mixer
