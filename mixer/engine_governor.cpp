#include "mixer/engine_governor.hpp"

#include <algorithm>
#include <boost/asio/strand.hpp>
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
    : pool_(pool), enabled_(enabled), timer_(boost::asio::make_strand(pool.executor())), admission_(pool.threads()) {
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

void EngineGovernor::add(const std::string& name, const std::shared_ptr<VideoRoom>& room, bool expects_pictures) {
  const std::lock_guard lock(mutex_);
  rooms_[room.get()] = {.name = name, .room = room};
  room->set_economy(Governor::economy(governor_.cuts(), false));
  if (!enabled_ || !expects_pictures) return;
  const core::TimePoint now = core::Clock::now();
  admission_.begin(name, now);
  admit(now);  // the next one may ask before the next look
}

void EngineGovernor::remove(const std::shared_ptr<VideoRoom>& room) {
  const std::lock_guard lock(mutex_);
  const auto found = rooms_.find(room.get());
  if (found == rooms_.end()) return;
  admission_.end(found->second.name);
  rooms_.erase(found);
}

LoadSample EngineGovernor::sample(core::TimePoint now) {
  const PoolLoad pool = pool_.take_load(now);
  uint64_t ticks = 0, late = 0;
  const auto period =
      static_cast<double>(std::max<core::Duration>(now - std::exchange(looked_, now), core::Duration(1)).count());
  for (auto& [key, watched] : rooms_) {
    const auto room = watched.room.lock();
    if (!room) continue;
    const VideoProgress progress = room->progress();
    ticks += progress.ticks - watched.ticks;
    late += progress.ticks_late - watched.ticks_late;
    watched.threads = static_cast<double>(progress.spent_ns - watched.spent_ns) / period;
    watched.ticks = progress.ticks;
    watched.ticks_late = progress.ticks_late;
    watched.spent_ns = progress.spent_ns;
  }
  LoadSample sample{pool.busy, pool.latest, 0};
  if (ticks + late > 0) sample.left_out = static_cast<double>(late) / static_cast<double>(ticks + late);
  return sample;
}

std::vector<RoomCost> EngineGovernor::costs() const {
  std::vector<RoomCost> costs;
  costs.reserve(rooms_.size());
  for (const auto& [key, watched] : rooms_) costs.push_back({watched.name, watched.threads});
  return costs;
}

// Who was one of them stays one until that cut is undone.
void EngineGovernor::choose_biggest() {
  const auto biggest = biggest_rooms(costs());
  for (auto& [key, watched] : rooms_) watched.biggest = biggest.contains(watched.name);
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
  if (governor_.cuts() == 0)
    admission_.update(costs(), now);  // rooms that do without something cost less than the next one will
  const int change = governor_.update(seen, now);
  show(seen.busy, now);
  if (change != 0) {
    apply(change);
    steps(change).add();
    say(change, seen);
  }
}

// Returns whether new rooms are admitted, and says so when that changes.
bool EngineGovernor::admit(core::TimePoint now) {
  const double set_aside = admission_.set_aside(now);
  const bool admits = governor_.admits_rooms(set_aside);
  bool before = false;
  {
    const std::lock_guard lock(shown_mutex_);
    before = std::exchange(shown_.accepts_rooms, admits);
  }
  if (before != admits && governor_.cuts() == 0) {
    core::log_info(
        "the pool is busy {:.0f} % of its time, {:.0f} % are set aside for rooms that have just begun: new rooms are "
        "{}",
        governor_.busy() * 100, set_aside * 100, admits ? "welcome again" : "refused");
  }
  return admits;
}

void EngineGovernor::show(double busy, core::TimePoint now) {
  EngineLoad load;
  load.threads = pool_.threads();
  load.governed = enabled_;
  load.busy = busy;
  load.pool_ran = now;
  load.accepts_rooms = admit(now);
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
