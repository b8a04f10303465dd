// An operator's own pictures: what lies behind the tiles, and a logo above everything. Read once at the start.
//
// Thread: read_png() and the drawing: any, they take milliseconds and more. A Bitmap is not changed once it is shared.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "mixer/video/art.hpp"

namespace partyline::mixer {

/// ARGB in the machine's byte order, multiplied by alpha.
struct Bitmap {
  core::VideoSize size;
  int stride = 0;  ///< bytes
  std::vector<uint8_t> pixels;
};
using BitmapPtr = std::shared_ptr<const Bitmap>;

struct Decor {
  BitmapPtr background, logo;  ///< null: none
};

inline constexpr int kLargestPictureSide = 4096;
/// Errors: not_found (no readable file), limit (more than 16 MiB or 4096 pixels a side), invalid (no PNG).
core::Result<BitmapPtr> read_png(const std::string& path);

/// Covers the canvas, what does not fit is cut off at both sides alike; what is transparent shows kBackground.
I420Image draw_background(const Bitmap& bitmap, core::VideoSize canvas);
/// In the upper right corner, at most a sixth of the canvas wide and a ninth high, never enlarged.
Sprite draw_logo(const Bitmap& bitmap, core::VideoSize canvas);

}  // namespace partyline::mixer
