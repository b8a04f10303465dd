// What is done with less when the worker pool falls behind, in a fixed order, and when it comes back. Pure.
//
//   share of the pool in use
//   100 % ┤          ╭╮ one cut more, then two seconds to see what it does
//    92 % ┤─────────╭╯╰╮──────────  or: pictures left out, work begun late
//    85 % ┤────────╭╯  ╰╮─────────  no new rooms from here on, until nothing is cut and 70 % are not reached
//    60 % ┤       ╭╯    ╰───╮ ten seconds of calm below: the last cut is taken back; each time that was
//         ┤───────╯         ╰───    too early, it waits twice as long
//
// Sound is not in the order: it is no work of the pool, and nothing here touches it.
// Thread: owner's.
#pragma once

#include <array>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "core/time.hpp"
#include "mixer/admission.hpp"

namespace partyline::mixer {

/// What one room does without.
struct Economy {
  bool least_effort = false;  ///< the encoders' fastest preset
  int rate_divisor = 1;       ///< of the room's frames a second
  int size_sixths = 6;        ///< of the canvas' and the renditions' sides
  bool operator==(const Economy&) const = default;
};

struct LoadSample {
  double busy = 0;          ///< share of the pool's time in use, 0 … 1
  core::Duration latest{};  ///< the most that work began too late
  double left_out = 0;      ///< share of all rooms' pictures that were left out
};

/// Those that cost the most and together at least half of everything.
std::set<std::string> biggest_rooms(std::span<const RoomCost> costs);

class Governor {
 public:
  static constexpr double kWeight = 0.25;  ///< of a new sample in what is smoothed, four to two seconds
  static constexpr int kMostCuts = 5;
  static constexpr core::Duration kPeriod = std::chrono::milliseconds(500);

  /// Once a period. What changed: +1 one cut more, -1 one less, 0 nothing.
  int update(const LoadSample& sample, core::TimePoint now);
  int cuts() const { return cuts_; }
  /// `set_aside`: share of the pool that rooms will take which are not in the figures yet.
  bool admits_rooms(double set_aside = 0) const;
  /// Smoothed over two seconds.
  double busy() const { return busy_; }

  /// What a room does without after so many cuts; `biggest`: it is one of those that cost most.
  static Economy economy(int cuts, bool biggest);
  /// The cut with this number (1 … kMostCuts) in words.
  static std::string_view words(int cut);

 private:
  bool overloaded(const LoadSample& sample) const;
  int cut(core::TimePoint now);
  int restore(core::TimePoint now);

  int cuts_ = 0;
  int bad_periods_ = 0;
  bool admits_ = true;
  double busy_ = 0;
  core::TimePoint settled_{};     // the last cut has shown its effect by then
  core::TimePoint calm_since_{};  // no sign of overload since
  core::TimePoint restored_{};    // when a cut was last taken back
  core::Duration patience_ = kLeastPatience;

  static constexpr core::Duration kLeastPatience = std::chrono::seconds(10);
  static constexpr core::Duration kMostPatience = std::chrono::seconds(160);
};

}  // namespace partyline::mixer
