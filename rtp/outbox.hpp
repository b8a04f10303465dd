// Outbox: what a session wants to tell, told when its state is consistent again. A handler may call back into the
// session; what that adds is told by the outermost flush, in order. Thread: the session's.
#pragma once

#include <utility>
#include <variant>
#include <vector>

#include "core/buffer.hpp"
#include "core/frame.hpp"
#include "rtp/session.hpp"

namespace partyline::rtp {

class Outbox {
 public:
  explicit Outbox(SessionEvents& events) : events_(events) {}

  struct Rtp {
    core::Buffer packet;
  };
  struct Rtcp {
    core::Buffer packet;
  };
  struct Digit {
    char digit = 0;
  };
  struct KeyframeRequest {};
  using Item = std::variant<Rtp, Rtcp, core::EncodedFrame, Digit, KeyframeRequest, core::Bitrate>;

  void push(Item item) { items_.push_back(std::move(item)); }

  void flush() {
    if (flushing_) return;
    flushing_ = true;
    const bool burst = items_.size() > 1;
    if (burst) events_.begin_burst();
    for (size_t i = 0; i < items_.size(); ++i) {  // handlers may add more
      const Item item = std::move(items_[i]);
      std::visit([this](const auto& it) { tell(it); }, item);
    }
    items_.clear();
    if (burst) events_.end_burst();
    flushing_ = false;
  }

 private:
  void tell(const Rtp& it) { events_.send_rtp(it.packet.span()); }
  void tell(const Rtcp& it) { events_.send_rtcp(it.packet.span()); }
  void tell(const core::EncodedFrame& frame) { events_.on_frame(frame); }
  void tell(const Digit& it) { events_.on_digit(it.digit); }
  void tell(const KeyframeRequest&) { events_.on_keyframe_request(); }
  void tell(const core::Bitrate& target) { events_.on_target_bitrate(target); }

  SessionEvents& events_;
  std::vector<Item> items_;
  bool flushing_ = false;
};

}  // namespace partyline::rtp
