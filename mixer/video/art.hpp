// Everything with letters or curves in it, drawn by Pango and Cairo once per text and size, and then only blended:
// name labels (every script, emoji in colour), tiles of members without video, the empty room's slate, tile edges.
//
// Thread: any; each thread that draws gets its own font map. Drawing takes milliseconds, the first time on a thread up
// to some hundred (fonts are looked up): keep it off the tick.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/frame.hpp"
#include "mixer/codec/video_picture.hpp"
#include "mixer/video/layout.hpp"

namespace partyline::mixer {

/// Pixels with coverage, to be blended at an even place.
struct Sprite {
  I420Image image;             ///< colours, not multiplied by alpha
  std::vector<uint8_t> alpha;  ///< width × height, 255: opaque
  int x = 0, y = 0;            ///< where it belongs, relative to its cell
  bool empty() const { return alpha.empty(); }
};

struct Rgb {
  uint8_t red = 0, green = 0, blue = 0;
};
struct Yuv {
  uint8_t y = 16, u = 128, v = 128;
};
Yuv to_yuv(Rgb colour);  ///< BT.601, limited range

inline constexpr Rgb kBackground{18, 20, 26};
inline constexpr Rgb kTileBackground{36, 39, 48};
inline constexpr Rgb kSpeakingColour{61, 214, 140};

/// A dark pill at the lower left of a cell of this size: the name, ellipsised, and a crossed-out microphone if muted.
/// Empty when the cell is too small or there is nothing to say.
Sprite draw_label(std::string_view name, bool audio_muted, core::VideoSize cell, const std::string& font);
/// A cell's edge: round corners and a thin gap in the background's colour; when speaking, a coloured ring.
std::vector<Sprite> draw_edge(core::VideoSize cell, bool speaking);
inline constexpr size_t kEdgeParts = 8;
/// Where in a cell its edge lies: corners, then strips. All empty: the cell is too small for one.
std::array<Rect, kEdgeParts> edge_parts(core::VideoSize cell);
/// The same edge for a cell that lies above something: first, for each of edge_parts(), how much of what is below is
/// seen there (its colours mean nothing), then what is drawn above that.
std::vector<Sprite> draw_frame(core::VideoSize cell, bool speaking);
/// A whole cell for somebody who sends no picture: initials in a coloured circle.
I420Image draw_placeholder(std::string_view name, core::VideoSize cell, const std::string& font);
/// A whole canvas for a room with nobody in it.
I420Image draw_slate(std::string_view room, core::VideoSize canvas, const std::string& font);
/// The slate's words alone on a dark plate, to be laid over a canvas.
Sprite draw_slate_text(std::string_view room, core::VideoSize canvas, const std::string& font);

/// At most two letters (or one ideograph or emoji) that stand for the name; whole grapheme clusters.
std::string initials_of(std::string_view name);

}  // namespace partyline::mixer
