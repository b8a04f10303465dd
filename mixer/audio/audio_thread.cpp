#include "mixer/audio/audio_thread.hpp"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "core/counters.hpp"
#include "core/log.hpp"
#include "mixer/audio/audio_room.hpp"
#include "mixer/audio/pcm.hpp"

namespace partyline::mixer {
namespace {

constexpr size_t kMostGone = 4096;
constexpr core::Duration kLongestRest = std::chrono::hours(1);  // without a room
constexpr int kPriority = 10;  // above everything ordinary, below what the system itself runs

void sleep_until(core::TimePoint when) {
  // steady_clock is CLOCK_MONOTONIC here, so its epoch is the kernel's.
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(when.time_since_epoch()).count();
  const timespec until{static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
}

/// How long ticks take, all rooms together, in the shape of Prometheus' histograms.
class Histogram {
 public:
  Histogram() {
    for (size_t i = 0; i < kBounds.size(); ++i) {
      buckets_[i] =
          &core::counter("partyline_mixer_audio_tick_microseconds_bucket", "le=\"" + std::to_string(kBounds[i]) + "\"");
    }
  }
  void add(core::Duration duration) {
    const auto us = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
    for (size_t i = 0; i < kBounds.size(); ++i) {
      if (us <= kBounds[i]) buckets_[i]->add();
    }
    all_.add();
    count_.add();
    sum_.add(us);
  }

 private:
  static constexpr std::array<uint64_t, 8> kBounds{100, 250, 500, 1000, 2500, 5000, 10000, 20000};
  std::array<core::Counter*, kBounds.size()> buckets_{};
  core::Counter& all_ = core::counter("partyline_mixer_audio_tick_microseconds_bucket", "le=\"+Inf\"");
  core::Counter& count_ = core::counter("partyline_mixer_audio_tick_microseconds_count");
  core::Counter& sum_ = core::counter("partyline_mixer_audio_tick_microseconds_sum");
};

}  // namespace

core::TimePoint TickSchedule::take(core::TimePoint now) {
  if (now - next_ > kGiveUp) {
    const auto lost = (now - next_) / kTick;
    skipped_ += static_cast<uint64_t>(lost);
    next_ += lost * kTick;
  }
  if (now - next_ > kLate) ++late_;
  const core::TimePoint tick = next_;
  next_ += kTick;
  return tick;
}

AudioThread::AudioThread(const boost::asio::any_io_executor& cleaner)
    : gone_(core::Mailbox<std::shared_ptr<AudioRoom>>::create(cleaner, kMostGone, [](auto& room) { room.reset(); })),
      thread_([this] { run(); }) {}

AudioThread::~AudioThread() {
  stopping_.store(true, std::memory_order_relaxed);
  bell_.ring();
  thread_.join();
}

template <class Change>
void AudioThread::change(Change&& change) {
  Rooms copy;  // what it is swapped for is destroyed without the lock
  {
    const std::lock_guard lock(mutex_);
    change();
    copy = rooms_;
    coming_.swap(copy);
    changed_.store(true, std::memory_order_release);
  }
  // From here on it has something to be woken for.
  if (resting_.exchange(false)) note_tick(core::Clock::now());
  bell_.ring();
}

void AudioThread::add(std::shared_ptr<AudioRoom> room) {
  change([&] { rooms_.push_back(std::move(room)); });
}

void AudioThread::remove(const std::shared_ptr<AudioRoom>& room) {
  change([&] { std::erase(rooms_, room); });
}

void AudioThread::refresh() {
  if (!changed_.load(std::memory_order_acquire)) return;
  {
    const std::lock_guard lock(mutex_);
    ticking_.swap(coming_);
    coming_.swap(leaving_);
    changed_.store(false, std::memory_order_relaxed);
  }
  // What was ticking until now: whoever holds a room last destroys it, and that shall not be this thread.
  for (auto& room : leaving_) gone_->push(std::move(room));
  leaving_.clear();
}

void AudioThread::wait_for_rooms() {
  bell_.silence();
  for (;;) {
    resting_.store(true);
    refresh();
    if (!ticking_.empty() || stopping_.load(std::memory_order_relaxed)) break;
    bell_.wait_until(core::Clock::now() + kLongestRest);
  }
  note_tick(core::Clock::now());
  resting_.store(false);
}

void AudioThread::run() {
  pthread_setname_np(pthread_self(), "audio-tick");
  sched_param priority{};
  priority.sched_priority = kPriority;
  if (const int error = pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority); error != 0) {
    core::log_debug("audio tick runs without real-time priority: {}", std::strerror(error));
  }
  core::Counter& late = core::counter("partyline_mixer_audio_ticks_late_total");
  core::Counter& skipped = core::counter("partyline_mixer_audio_ticks_skipped_total");
  Histogram durations;
  TickSchedule schedule(core::Clock::now() + kTick);
  uint64_t late_before = 0, skipped_before = 0;
  while (!stopping_.load(std::memory_order_relaxed)) {
    if (ticking_.empty()) {
      wait_for_rooms();
      schedule.restart(core::Clock::now() + kTick);
    }
    sleep_until(schedule.next());
    refresh();
    const core::TimePoint began = core::Clock::now();
    const core::TimePoint tick = schedule.take(began);
    note_tick(began);
    for (const auto& room : ticking_) {
      const bool late_now = core::Clock::now() - tick > TickSchedule::kLate;
      if (room->tick(tick) && late_now) room->note_late();
    }
    durations.add(core::Clock::now() - began);
    late.add(schedule.late() - std::exchange(late_before, schedule.late()));
    skipped.add(schedule.skipped() - std::exchange(skipped_before, schedule.skipped()));
  }
}

}  // namespace partyline::mixer
