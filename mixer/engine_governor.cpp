#include "mixer/engine_governor.hpp"

#include <algorithm>
#include <boost/asio/strand.hpp>
#include <functional>
#include <utility>
#include <vector>

#include "core/counters.hpp"
#include "core/log.hpp"
#include "mixer/video/video_room.hpp"

namespace partyline::mixer {
namespace {

core::Counter& steps(int change) {
  static core::Counter& down = core::counter("partyline_mixer_governor_steps_total", "direction=\"down\"");
  static core::Counter& up = core::counter("partyline_mixer_governor_steps_total", "direction=\"up\"");
  return change > 0 ? down : up;
}

}  // namespace

EngineGovernor::EngineGovernor(WorkerPool& pool, bool enabled)
    : pool_(pool), enabled_(enabled), timer_(boost::asio::make_strand(pool.executor())) {
  steps(1);
}

void EngineGovernor::start() {
  const core::TimePoint now = core::Clock::now();
  pool_.take_load(now);
  show(0, now);
  look_later();
}

void EngineGovernor::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  timer_.cancel();
}

void EngineGovernor::look_later() {
  const std::lock_guard lock(mutex_);
  if (stopped_) return;
  timer_.expires_after(Governor::kPeriod);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (error) return;
    self->look();
    self->look_later();
  });
}

void EngineGovernor::add(const std::string& name, const std::shared_ptr<VideoRoom>& room) {
  const std::lock_guard lock(mutex_);
  rooms_[room.get()] = {.name = name, .room = room};
  room->set_economy(Governor::economy(governor_.cuts(), false));
}

void EngineGovernor::remove(const std::shared_ptr<VideoRoom>& room) {
  const std::lock_guard lock(mutex_);
  rooms_.erase(room.get());
}

LoadSample EngineGovernor::sample(core::TimePoint now) {
  const PoolLoad pool = pool_.take_load(now);
  uint64_t ticks = 0, late = 0;
  for (auto& [key, watched] : rooms_) {
    const auto room = watched.room.lock();
    if (!room) continue;
    const VideoProgress progress = room->progress();
    ticks += progress.ticks - watched.ticks;
    late += progress.ticks_late - watched.ticks_late;
    watched.cost_ns = progress.spent_ns - watched.spent_ns;
    watched.ticks = progress.ticks;
    watched.ticks_late = progress.ticks_late;
    watched.spent_ns = progress.spent_ns;
  }
  LoadSample sample{pool.busy, pool.latest, 0};
  if (ticks + late > 0) sample.left_out = static_cast<double>(late) / static_cast<double>(ticks + late);
  return sample;
}

// Those that cost the most and together at least half of everything; who was one stays one until that cut is undone.
void EngineGovernor::choose_biggest() {
  std::vector<Watched*> by_cost;
  int64_t all = 0, covered = 0;
  for (auto& [key, watched] : rooms_) {
    by_cost.push_back(&watched);
    all += watched.cost_ns;
  }
  std::ranges::sort(by_cost, std::greater<>(), &Watched::cost_ns);
  for (Watched* room : by_cost) {
    room->biggest = covered * 2 < all;
    covered += room->cost_ns;
  }
}

void EngineGovernor::apply(int change) {
  if (change > 0 && governor_.cuts() == 2) choose_biggest();
  for (const auto& [key, watched] : rooms_)
    if (const auto room = watched.room.lock()) room->set_economy(Governor::economy(governor_.cuts(), watched.biggest));
}

void EngineGovernor::say(int change, const LoadSample& sample) const {
  const int cuts = governor_.cuts();
  if (change > 0) {
    core::log_warn(
        "overload: the pool is busy {:.0f} % of its time, {:.0f} % of the pictures were left out, work began up to "
        "{} ms late; now {} (step {} of {}), new rooms are refused",
        sample.busy * 100, sample.left_out * 100, core::to_ms(sample.latest), Governor::words(cuts), cuts,
        Governor::kMostCuts);
  } else {
    core::log_info("less load: the pool is busy {:.0f} % of its time; undone: {} (step {} of {})",
                   governor_.busy() * 100, Governor::words(cuts + 1), cuts, Governor::kMostCuts);
  }
}

void EngineGovernor::look() {
  const core::TimePoint now = core::Clock::now();
  const std::lock_guard lock(mutex_);
  if (stopped_) return;
  const LoadSample seen = sample(now);
  if (!enabled_) return show(seen.busy, now);
  const bool admitted = governor_.admits_rooms();
  const int change = governor_.update(seen, now);
  show(seen.busy, now);
  if (change != 0) {
    apply(change);
    steps(change).add();
    say(change, seen);
  } else if (admitted != governor_.admits_rooms()) {
    core::log_info("the pool is busy {:.0f} % of its time: new rooms are {}", governor_.busy() * 100,
                   admitted ? "refused" : "welcome again");
  }
}

void EngineGovernor::show(double busy, core::TimePoint now) {
  EngineLoad load;
  load.threads = pool_.threads();
  load.governed = enabled_;
  load.busy = busy;
  load.pool_ran = now;
  load.accepts_rooms = governor_.admits_rooms();
  load.step = governor_.cuts();
  for (int cut = 1; cut <= governor_.cuts(); ++cut) load.cuts.emplace_back(Governor::words(cut));
  const std::lock_guard lock(shown_mutex_);
  std::swap(shown_, load);
}

EngineLoad EngineGovernor::load() const {
  const std::lock_guard lock(shown_mutex_);
  return shown_;
}

}  // namespace partyline::mixer
