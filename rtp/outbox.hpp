// Outbox: what a session wants to tell, told when its state is consistent again. A handler may call back into the
// session; what that adds is told by the outermost flush, in order. It must neither throw nor destroy the session.
// Thread: the session's.
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

  void push(Item item) {
    if (items_.capacity() == 0 && !spare().empty()) {
      items_ = std::move(spare().back());
      spare().pop_back();
    }
    items_.push_back(std::move(item));
  }

  void flush() {
    if (flushing_ || items_.empty()) return;
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
    if (!items_.empty()) return flush();  // the end of the burst called back; the memory is given away empty
    if (spare().size() < kMostSpare) spare().push_back(std::exchange(items_, {}));
  }

 private:
  using Items = std::vector<Item>;
  static constexpr size_t kMostSpare = 8;  // as deep as sessions call each other

  // Memory that is in the caches, for whichever of the thread's sessions has something to say next.
  static std::vector<Items>& spare() {
    static thread_local std::vector<Items> instance;
    return instance;
  }

  void tell(const Rtp& it) { events_.send_rtp(it.packet.span()); }
  void tell(const Rtcp& it) { events_.send_rtcp(it.packet.span()); }
  void tell(const core::EncodedFrame& frame) { events_.on_frame(frame); }
  void tell(const Digit& it) { events_.on_digit(it.digit); }
  void tell(const KeyframeRequest&) { events_.on_keyframe_request(); }
  void tell(const core::Bitrate& target) { events_.on_target_bitrate(target); }

  SessionEvents& events_;
  Items items_;
  bool flushing_ = false;
};

}  // namespace partyline::rtp
