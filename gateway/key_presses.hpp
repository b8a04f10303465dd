// One key press from two reports of it: some phones send each press both ways, in RTP (RFC 4733) and by SIP INFO. What
// one way reports is the same press as what the other has reported within a second and a half, each report for one
// press only, so that a key pressed twice stays twice.
//
//   RTP    1        1   #                presses   1 1 #
//   INFO       1        1      #
//
// Pure: keys and the time go in. Thread: owner's.
#pragma once

#include <algorithm>
#include <deque>

#include "core/time.hpp"

namespace partyline::gateway {

class KeyPresses {
 public:
  enum class Way { rtp, info };
  static constexpr core::Duration kApart = std::chrono::milliseconds(1500);  ///< a long press is reported at its end

  /// False: the other way has told of this press already.
  bool is_new(char key, Way way, core::TimePoint now) {
    std::erase_if(told_, [now](const Told& told) { return now - told.at > kApart; });
    const auto same = std::ranges::find_if(told_, [&](const Told& t) { return t.key == key && t.way != way; });
    if (same != told_.end()) {
      told_.erase(same);
      return false;
    }
    if (told_.size() == kMost) told_.pop_front();
    told_.push_back({key, way, now});
    return true;
  }

 private:
  struct Told {
    char key;
    Way way;
    core::TimePoint at;
  };
  static constexpr size_t kMost = 32;
  std::deque<Told> told_;  // by one way alone
};

}  // namespace partyline::gateway
