#include "gateway/rendition_switch.hpp"

#include "core/counters.hpp"

namespace partyline::gateway {
namespace {

constexpr core::Duration kStep = std::chrono::milliseconds(1);
constexpr int64_t kStepUnits = 90;

core::Counter& dropped() {
  static core::Counter& counter = core::counter("partyline_rendition_switch_dropped_total");
  return counter;
}

}  // namespace

class RenditionSwitch::Port final : public core::FrameSink {
 public:
  Port(std::shared_ptr<RenditionSwitch> owner, uint64_t number) : owner_(std::move(owner)), number_(number) {}
  void push(const core::EncodedFrame& frame) override { owner_->push(number_, frame); }

 private:
  std::shared_ptr<RenditionSwitch> owner_;
  uint64_t number_;
};

std::shared_ptr<core::FrameSink> RenditionSwitch::port(uint64_t number) {
  return std::make_shared<Port>(shared_from_this(), number);
}

void RenditionSwitch::push(uint64_t port, const core::EncodedFrame& frame) {
  bool switched = false;
  {
    const std::lock_guard lock(mutex_);
    if (port < current_ || (port > current_ && !frame.keyframe)) return dropped().add();
    switched = port > current_;
    core::EncodedFrame dated = frame;
    if (switched && current_ != 0 && dated.capture <= last_capture_) dated.capture = last_capture_ + kStep;
    if (switched) splice_.change();
    dated.rtp_time = splice_.next(dated, kStepUnits);
    current_ = port;
    last_capture_ = dated.capture;
    to_->push(dated);
  }
  if (switched) on_switched_(port);
}

}  // namespace partyline::gateway
