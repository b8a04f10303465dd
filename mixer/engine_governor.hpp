// The glue around Governor: twice a second it asks the pool and the rooms how they fare, tells rooms what to do
// without, and says so in the log and the counters.
//
// Thread: add(), remove() and load() from any; the rest on a strand of the pool, due at once, so that it comes through
// when nothing else does. Decides nothing.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "mixer/governor.hpp"
#include "mixer/room_mixer.hpp"
#include "mixer/worker_pool.hpp"

namespace partyline::mixer {

class VideoRoom;

class EngineGovernor : public std::enable_shared_from_this<EngineGovernor> {
 public:
  /// `enabled` false: measures, and cuts nothing.
  EngineGovernor(WorkerPool& pool, bool enabled);
  void start();
  /// Before the pool is joined.
  void stop();
  /// `expects_pictures`: its cost is allowed for until it is known.
  void add(const std::string& name, const std::shared_ptr<VideoRoom>& room, bool expects_pictures);
  void remove(const std::shared_ptr<VideoRoom>& room);
  EngineLoad load() const;

 private:
  struct Watched {
    std::string name;
    std::weak_ptr<VideoRoom> room;
    uint64_t ticks = 0, ticks_late = 0;  ///< when last looked at
    int64_t spent_ns = 0;
    double threads = 0;  ///< taken in the last period
    bool biggest = false;
  };

  void look_later();
  void look();
  LoadSample sample(core::TimePoint now);
  void show(double busy, core::TimePoint now);
  std::vector<RoomCost> costs() const;
  bool admit(core::TimePoint now);
  void choose_biggest();
  void apply(int change);
  void say(int change, const LoadSample& sample) const;

  WorkerPool& pool_;
  const bool enabled_;
  boost::asio::steady_timer timer_;
  std::mutex mutex_;  // of all that follows
  bool stopped_ = false;
  Governor governor_;
  Admission admission_;
  core::TimePoint looked_{};
  std::map<const VideoRoom*, Watched> rooms_;
  // For load() alone: who asks carries all sound, and must not wait for a look at all rooms on a busy machine.
  mutable std::mutex shown_mutex_;  // held for a copy
  EngineLoad shown_;
};

}  // namespace partyline::mixer
