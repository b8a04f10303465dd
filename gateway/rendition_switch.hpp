// RenditionSwitch: joins the outputs of two encoders to one stream of pictures while a receiver changes from one to the
// other. Each output has a port; a newer port's first keyframe makes it the one that passes, up to there the older one
// does. So the receiver misses nothing, and what comes after the change is decodable.
//
//   port 1   K p p p p p p p ·         Time never stands still or runs back: a keyframe of the tick whose picture has
//   port 2         (asked) K p p       passed already is dated a millisecond after it.
//   out      K p p p p p p K p p
//
// Thread: any; the two ports may be pushed at the same time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "core/frame.hpp"
#include "mixer/splice.hpp"

namespace partyline::gateway {

class RenditionSwitch : public std::enable_shared_from_this<RenditionSwitch> {
 public:
  /// `on_switched(port)`: that one passes now. Called on the pusher's thread, without a lock held; must not block.
  RenditionSwitch(std::shared_ptr<core::FrameSink> to, std::function<void(uint64_t)> on_switched)
      : to_(std::move(to)), on_switched_(std::move(on_switched)) {}
  /// Numbers grow from 1.
  std::shared_ptr<core::FrameSink> port(uint64_t number);

 private:
  class Port;
  void push(uint64_t port, const core::EncodedFrame& frame);

  const std::shared_ptr<core::FrameSink> to_;
  const std::function<void(uint64_t)> on_switched_;
  std::mutex mutex_;
  uint64_t current_ = 0;
  core::TimePoint last_capture_{};
  mixer::Splice splice_;
};

}  // namespace partyline::gateway
