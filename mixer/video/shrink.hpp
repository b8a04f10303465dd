// Making planes smaller by less than half, which is what most tiles of a layout need: bilinear, as libyuv does it. Its
// step along the rows takes two pixels at a time and was most of what a room cost beyond its codecs; this one takes
// eight, with a table for each pair of widths. Where the processor cannot, libyuv does it all.
//
// Thread: any; tables are each thread's own.
#pragma once

#include <cstdint>

#include "core/frame.hpp"

namespace partyline::mixer {

/// A plane of bytes.
struct PlaneView {
  const uint8_t* bytes = nullptr;
  int stride = 0;
  core::VideoSize size;
};

/// False, and nothing done: not a case for this (wider or less than half as wide, higher or less than half as high), or
/// not a processor for it.
bool shrink(const PlaneView& source, uint8_t* to, int stride, core::VideoSize size);

}  // namespace partyline::mixer
