// Drawing on an I420 canvas, by libyuv: fill, fit a picture in one pass, blend a sprite. Places and sizes are even (the
// chroma planes have half of them) and inside the canvas.
//
// Thread: one canvas, one thread at a time.
#pragma once

#include "mixer/codec/video_picture.hpp"
#include "mixer/video/art.hpp"
#include "mixer/video/layout.hpp"

namespace partyline::mixer {

void fill(I420Image& canvas, const Rect& area, Yuv colour);
/// Scales `source` to `area`: a copy where the sizes agree, else the cheapest filter that does not alias.
void draw(I420Image& canvas, const I420View& source, const Rect& area);
/// The sprite at its place within `cell`; what sticks out of the canvas is left out whole.
void blend(I420Image& canvas, const Sprite& sprite, const Rect& cell);
/// `alpha`: as many as `area` has pixels; `image` is of that size.
void blend(I420Image& canvas, const I420View& image, const std::vector<uint8_t>& alpha, const Rect& area);
/// `area`, which lies inside.
I420View part_of(const I420View& view, const Rect& area);
/// Copies a part of the canvas; `into` has its size then. Nothing when the area is not inside the canvas.
void take(I420Image& into, const I420Image& canvas, const Rect& area);
/// `cell` with the picture fitted into it and the rest in `bars`.
void draw_fitted(I420Image& canvas, const Picture& picture, const Rect& cell, Yuv bars);

}  // namespace partyline::mixer
