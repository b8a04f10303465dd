// AdaptivePicture: the room's picture for one receiver, in the rendition that its bandwidth allows. Glue between the
// mixer's outputs, RenditionChoice (which one) and RenditionSwitch (the change without a gap).
//
//   estimate ─▶ RenditionChoice ─┬─ target ─▶ the encoder of the present step
//                                └─ step   ─▶ a second output, until its keyframe has come; then the first one goes
//
// Thread: network. The sink is pushed from the mixer's threads.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "gateway/rendition_choice.hpp"
#include "mixer/room_mixer.hpp"

namespace partyline::gateway {

class RenditionSwitch;

class AdaptivePicture final : public std::enable_shared_from_this<AdaptivePicture> {
 public:
  /// `who` is for the log: "leg=…". The outputs are the room's. The mixer must outlive stop().
  AdaptivePicture(boost::asio::any_io_executor executor, mixer::RoomMixer& mixer, std::string who,
                  std::shared_ptr<core::FrameSink> sink)
      : executor_(std::move(executor)), mixer_(mixer), who_(std::move(who)), sink_(std::move(sink)) {}
  ~AdaptivePicture() { stop(); }

  /// While the best step is sent, it may be one member's stream as it is (RoomMixer::allow_pass_through). Again when
  /// another member looks at it: `viewer` is one until then. Before start().
  void allow_pass_through(const mixer::Member* viewer, mixer::PassLimits limits);
  /// `steps`: best first (rendition_steps). Anew with other steps after a re-negotiation; the same ones change nothing.
  /// Where only the best one's view is another, the change is like one of bandwidth; while such a one goes on, nothing
  /// is done: call again.
  core::Result<> start(std::vector<mixer::VideoRendition> steps);
  void stop();
  /// What the way to the receiver carries now, for video. Nothing is kept of it before start() and from stop() on.
  void set_available(core::Bitrate available, core::TimePoint now);
  /// What it agreed to take at most, whatever the way carries: b= of its SDP.
  void set_limit(std::optional<core::Bitrate> limit, core::TimePoint now);
  /// About once a second: what takes its time is due.
  void check(core::TimePoint now);
  void request_keyframe();

  /// What more bandwidth would be used for.
  core::Bitrate wish() const { return plan_ ? plan_->steps.front().bitrate : core::Bitrate{}; }
  /// Null before start() and after stop().
  const mixer::VideoRendition* rendition() const { return sent_ ? &sent_->rendition : nullptr; }
  /// What it gets is no less than what it decodes.
  bool at_best() const { return sent_ && sent_->step == 0; }
  /// Of the encoder, as far as this receiver is concerned.
  core::Bitrate target() const { return sent_ ? sent_->target : core::Bitrate{}; }
  uint64_t switches() const { return switches_; }

 private:
  struct Output {
    mixer::OutputId id = 0;
    uint64_t port = 0;
    size_t step = 0;
    core::Bitrate bitrate;
  };
  struct Pass {
    const mixer::Member* viewer;
    mixer::PassLimits limits;
  };
  struct Plan {
    std::vector<mixer::VideoRendition> steps;
    RenditionChoice choice;
    std::optional<size_t> refused;  ///< said once
  };
  /// Of the newest output.
  struct Sent {
    size_t step;
    mixer::VideoRendition rendition;
    core::Bitrate target;
  };
  core::Result<> change_view(std::vector<mixer::VideoRendition> steps);
  core::Result<> change_to(size_t step);
  void on_switched(uint64_t port);
  bool changing() const { return outputs_.size() > 1; }
  std::optional<core::Bitrate> allowed() const;
  void take_step(size_t step);
  void put_target(core::Bitrate target);

  boost::asio::any_io_executor executor_;
  mixer::RoomMixer& mixer_;
  const std::string who_;
  const std::shared_ptr<core::FrameSink> sink_;
  // From start() to stop().
  std::optional<Plan> plan_;
  std::optional<Sent> sent_;
  std::vector<Output> outputs_;             ///< oldest first; two while changing
  std::optional<core::Bitrate> available_;  ///< the next way may be another one
  // Of the receiver.
  std::optional<core::Bitrate> limit_;
  std::optional<Pass> pass_;
  std::shared_ptr<RenditionSwitch> switch_;
  uint64_t last_port_ = 0;
  uint64_t switches_ = 0;
};

}  // namespace partyline::gateway
