// Who of a room's receivers gets a view of his own, without himself. Each such view is a rendition more, and is given
// only while the room comes to three in all (sizes and codecs may need as many without any): those who came first get
// theirs, all others see everybody. Pure.
//
//   four phones, one codec, two want it:          own A, own B, everybody's (C, D)     three renditions
//   ... and C's path needs a smaller picture:     own A, everybody's (B, D), smaller   B's own one is given up
//
// Thread: owner's.
#pragma once

#include <span>
#include <vector>

#include "mixer/room_mixer.hpp"

namespace partyline::gateway {

inline constexpr size_t kMostRenditions = 3;

struct Receiver {
  mixer::VideoRendition picture;  ///< that it gets, or would get, of everybody
  uint64_t member = 0;            ///< who would be left out of its own view; 0: it wants none
};

/// For each receiver, in order of joining: whether it gets its own view.
std::vector<bool> allot_views(std::span<const Receiver> receivers);

}  // namespace partyline::gateway
