// RenditionChoice: which of a room's renditions one receiver gets, by what the way to it carries. Pure: estimates and
// the time go in, a decision comes out.
//
//   estimate below half of the step's bitrate     1 s (at once below a quarter)  ▶ down, to the first step that fits
//   estimate above 85 % of the next step's        5 s, and 3 s since the last    ▶ up by one step
//   above 125 % of this one's, half of the next   20 s                           ▶ the same: who sees no more than is
//                                                                                 sent can tell no more (REMB)
//   down again within 15 s of a climb             that climb waits twice as long, up to a minute
//
// Between half and all of a step's bitrate the encoder follows the slowest of its receivers (the decision's target), so
// that a small want costs everybody a little quality before it costs one of them the size. Thread: owner's.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "core/time.hpp"
#include "mixer/room_mixer.hpp"

namespace partyline::gateway {

/// What a receiver may get, best first: `best` (what it decodes), then those of the room's smaller renditions, shared
/// by all of its receivers, that are less than that: half its size, and a third at half the frame rate.
std::vector<mixer::VideoRendition> rendition_steps(const mixer::VideoRendition& best,
                                                   const mixer::VideoRendition& room);

class RenditionChoice {
 public:
  struct Decision {
    size_t step = 0;       ///< 0: the best
    core::Bitrate target;  ///< for the encoder of that step
  };
  /// Bitrates, best first; at least one.
  explicit RenditionChoice(std::vector<core::Bitrate> steps);
  /// To be called with each new estimate and about once a second. Nothing known: the best step.
  Decision update(std::optional<core::Bitrate> available, core::TimePoint now);
  size_t step() const { return step_; }

 private:
  void down(double available, core::TimePoint now);
  void up(double available, core::TimePoint now);

  std::vector<core::Bitrate> steps_;
  size_t step_ = 0;
  std::optional<core::TimePoint> short_since_, ample_since_;
  std::optional<core::TimePoint> switched_, climbed_;
  core::Duration climb_wait_;
};

}  // namespace partyline::gateway
