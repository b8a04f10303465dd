// Which of a room's video outputs are passed whose pictures: puts VideoCore's facts and the valves together.
//
//   replan(): who would see one picture alone? ─▶ aim, release ─▶ valves ─▶ out of the mix, back into it
//
// Thread: route() from any; the rest on the room's strand. Deliberately not here: when a receiver changes over
// (VideoPass), timers (VideoRoom).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <utility>
#include <vector>

#include "mixer/video/video_core.hpp"
#include "mixer/video/video_valve.hpp"

namespace partyline::mixer {

class PassBoard {
 public:
  /// `ask`: for a keyframe of this member.
  PassBoard(VideoCore& core, std::function<void(uint64_t)> ask) : core_(core), ask_(std::move(ask)) {}

  /// Into the mix: at once, or once that is worth looking at.
  void add(OutputId id, const VideoRendition& rendition, std::shared_ptr<OutputGate> gate,
           std::shared_ptr<VideoValve> valve, const VideoOutputTraits& traits, core::TimePoint now);
  /// Again when another member looks at it, or its receiver has become another one.
  void allow(OutputId id, std::optional<uint64_t> viewer, const PassLimits& limits, core::TimePoint now);
  /// Out of the mix, too.
  void remove(OutputId id);
  /// False: this output is served by the mix.
  bool request_keyframe(OutputId id, core::TimePoint now);

  /// After anything has changed, and now and then.
  void replan(core::TimePoint now);
  /// After a tick: outputs whose mix is worth looking at come into it.
  void settle(core::TimePoint now);
  /// The mix is needed although nothing is encoded yet.
  bool warming() const;
  /// The same, for more than a still.
  bool will_mix() const;
  /// Somebody is aimed at: replan() must be called now and then.
  bool busy() const { return !routes_.empty(); }
  int passing() const;
  int outputs() const { return static_cast<int>(outputs_.size()); }

  /// A picture of a member, to whom it is passed; false: to nobody.
  bool route(uint64_t member, const core::EncodedFrame& frame, core::TimePoint now);

 private:
  using State = VideoPass::State;
  struct Output {
    VideoRendition rendition;
    std::shared_ptr<OutputGate> gate;
    std::shared_ptr<VideoValve> valve;
    bool hold_size = false;
    bool allowed = false;
    std::optional<uint64_t> viewer;
    bool in_mix = false;
    std::optional<uint64_t> source;  // aimed at, or still shown while the mix comes back
    std::optional<core::TimePoint> warm_since;
  };
  std::optional<uint64_t> wanted(const Output& output, bool pairs, core::TimePoint now) const;
  void turn(Output& output, std::optional<uint64_t> want, core::TimePoint now);
  void follow(OutputId id, Output& output, core::TimePoint now);
  void show_whole();
  void await_views();
  void enter(OutputId id, Output& output);
  void publish_routes();

  VideoCore& core_;
  const std::function<void(uint64_t)> ask_;
  std::map<OutputId, Output> outputs_;
  using Routes = std::vector<std::pair<uint64_t, std::shared_ptr<VideoValve>>>;
  Routes routes_;                   // written on the strand
  std::shared_mutex routes_mutex_;  // when written, or read elsewhere
  std::atomic<bool> any_routes_{false};
};

}  // namespace partyline::mixer
