// What to make of libnice's word that the peer does not answer its checks any more.
//
// Consent (RFC 7675) expires 30 s after the last answered check. libnice 0.1.21 checks every 4 to 6 s and gives up
// after 10 s already, which takes the loss of one check or two: over a path that loses 5 % both ways it gives up every
// minute or two. So while the peer's packets come in, it is told to go on once, and what it says within the next 17 s
// counts: 6 s to the first check and 10 s without an answer, 27 s in all. Who has answered in between begins anew. A
// path on which nothing comes either is lost at once: the sooner another one is looked for, the better.
//
//   0 s  last answer    10 s  libnice gives up: go on    … 26 s  and again: lost
//
// A 403 that revokes consent looks the same from here, and is obeyed at the second. Thread: owner's; `now` is a
// parameter.
#pragma once

#include <optional>

#include "core/time.hpp"

namespace partyline::rtp {

class ConsentDoubt {
 public:
  static constexpr core::Duration kDoubt = std::chrono::seconds(17);
  static constexpr core::Duration kRest = std::chrono::seconds(3);
  static constexpr core::Duration kHeard = std::chrono::seconds(3);

  /// libnice gives up; `heard`: when the last packet came that was proved to be the peer's. False: the path is lost.
  bool goes_on(core::TimePoint heard, core::TimePoint now) {
    if (now - heard > kHeard || (doubted_ && now - *doubted_ <= kDoubt)) return false;
    doubted_ = now;
    return true;
  }

 private:
  std::optional<core::TimePoint> doubted_;
};

}  // namespace partyline::rtp
