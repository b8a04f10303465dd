// FileBudget: how often a recording may begin another file because what comes does not fit into the one it has: twenty
// times, three of them at once, else one in two seconds. Who changes his codec with each packet gets no file for each.
//
// Thread: owner's; pure.
#pragma once

#include <algorithm>

#include "core/time.hpp"

namespace partyline::gateway {

class FileBudget {
 public:
  static constexpr core::Duration kApart = std::chrono::seconds(2);
  static constexpr int kAtOnce = 3;
  static constexpr int kMost = 20;

  /// True: another file may begin now, and is counted.
  bool take(core::TimePoint now) {
    if (exhausted() || now + (kAtOnce - 1) * kApart < paid_until_) return false;
    paid_until_ = std::max(paid_until_, now) + kApart;
    ++taken_;
    return true;
  }
  bool exhausted() const { return taken_ >= kMost; }

 private:
  core::TimePoint paid_until_{};
  int taken_ = 0;
};

}  // namespace partyline::gateway
