// AudioThread: wakes every 20 ms by an absolute schedule and ticks every room; sleeps while there is none. Real-time
// priority where the system allows it. It never waits for anything but the clock: no allocation, no logging, no lock
// that others hold for long.
//
// Thread: add() and remove() from any. After remove() the room may still be in a tick that is under way; its outputs'
// gates decide what still gets out.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/bell.hpp"
#include "core/mailbox.hpp"
#include "core/mutex.hpp"
#include "core/time.hpp"

namespace partyline::mixer {

class AudioRoom;

/// Which ticks are due. Pure. A late wake-up is caught up tick by tick; after a pause of more than kGiveUp (a suspended
/// machine) the lost ticks are skipped.
class TickSchedule {
 public:
  static constexpr core::Duration kLate = std::chrono::milliseconds(10);
  static constexpr core::Duration kGiveUp = std::chrono::milliseconds(500);

  explicit TickSchedule(core::TimePoint start) : next_(start) {}
  core::TimePoint next() const { return next_; }
  /// Call while next() <= now: the tick to run; counts it as late where it is.
  core::TimePoint take(core::TimePoint now);
  /// After a time without ticks, which is not to be caught up.
  void restart(core::TimePoint start) { next_ = start; }
  uint64_t late() const { return late_; }
  uint64_t skipped() const { return skipped_; }

 private:
  core::TimePoint next_;
  uint64_t late_ = 0, skipped_ = 0;
};

class AudioThread {
 public:
  /// `cleaner`: where rooms that are gone are destroyed; never on the tick.
  explicit AudioThread(const boost::asio::any_io_executor& cleaner);
  ~AudioThread();
  AudioThread(const AudioThread&) = delete;
  AudioThread& operator=(const AudioThread&) = delete;

  void add(std::shared_ptr<AudioRoom> room);
  void remove(const std::shared_ptr<AudioRoom>& room);
  /// When it was last woken; now, while there is nothing to be woken for.
  core::TimePoint last_tick() const {
    return resting_.load() ? core::Clock::now() : core::TimePoint(core::Duration(last_tick_.load()));
  }

 private:
  void run();
  void refresh();
  void wait_for_rooms();
  void note_tick(core::TimePoint now) { last_tick_.store(now.time_since_epoch().count(), std::memory_order_relaxed); }
  template <class Change>
  void change(Change&& change);

  using Rooms = std::vector<std::shared_ptr<AudioRoom>>;

  core::Mutex mutex_;  // held for a list operation
  Rooms rooms_;
  Rooms coming_;  // a copy for the thread, made on the caller's time
  std::atomic<bool> changed_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<core::Duration::rep> last_tick_{core::Clock::now().time_since_epoch().count()};
  core::Bell bell_;  // rooms have changed, or it is over; heard while there are none
  std::atomic<bool> resting_{false};
  Rooms ticking_, leaving_;  // the thread's
  std::shared_ptr<core::Mailbox<std::shared_ptr<AudioRoom>>> gone_;
  std::thread thread_;
};

}  // namespace partyline::mixer
