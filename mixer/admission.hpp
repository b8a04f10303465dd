// What is set aside for rooms that have just begun to be mixed: until the pool's figures, smoothed over two seconds,
// have come to know them, each stands for what rooms have cost so far. Pure.
//
//   share of a room's expected cost
//   100 % ┤──────╮
//         ┤       ╲        callers' media comes; then as the smoothed figures grow
//         ┤        ╰──╮
//       0 ┤───────────╰────
//         0     2 s       8 s since it began
//
// Thread: owner's.
#pragma once

#include <map>
#include <span>
#include <string>

#include "core/time.hpp"

namespace partyline::mixer {

/// What a room took of the pool's time in a period.
struct RoomCost {
  std::string name;
  double threads = 0;  ///< 1: all the time of one thread
};

class Admission {
 public:
  /// Of a thread, while nothing is known: 720p at 30 pictures a second for two phones.
  static constexpr double kUsualCost = 0.25;

  explicit Admission(int threads) : threads_(threads) {}
  /// A room that is expected to have pictures.
  void begin(const std::string& room, core::TimePoint now) { begun_[room] = now; }
  void end(const std::string& room) { begun_.erase(room); }
  /// Once a Governor::kPeriod; rooms that never began are left out.
  void update(std::span<const RoomCost> costs, core::TimePoint now);
  /// Share of the pool, 0 …; it may be more than 1.
  double set_aside(core::TimePoint now) const;

 private:
  const int threads_;
  double expected_ = kUsualCost;  // of a thread
  std::map<std::string, core::TimePoint> begun_;
};

}  // namespace partyline::mixer
