// AudioOrder: the sound of a leg as it was sent, from sound as it arrived: in the order of its numbers, each frame
// once.
//
// A frame whose predecessor is missing waits for it, 200 ms at most; what comes after its place was passed is dropped.
// Numbers may begin anew (a call that was renegotiated has another receiver): a number that lies far behind, or behind
// though it was captured clearly later, is taken for that. Nothing is made up for what is lost: the time stamps leave
// its time free.
//
// Thread: owner's; pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "core/frame.hpp"

namespace partyline::gateway {

class AudioOrder {
 public:
  static constexpr core::Duration patience = std::chrono::milliseconds(200);
  enum class Verdict { taken, duplicate, late };

  Verdict add(core::EncodedFrame frame);
  /// The next frame to be written, if it is its turn or it has waited long enough.
  std::optional<core::EncodedFrame> next(core::TimePoint now);
  void clear() { *this = {}; }

 private:
  std::map<int64_t, core::EncodedFrame> waiting_;  // by number
  std::optional<int64_t> last_;                    // the number handed out last …
  core::TimePoint last_capture_;                   // … and its capture
  int64_t shift_ = 0;                              // added to numbers as they come
};

}  // namespace partyline::gateway
