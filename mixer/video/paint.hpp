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
/// Only what lies within `clip` of a sprite whose place is on the canvas itself.
void blend_part(I420Image& canvas, const Sprite& sprite, const Rect& clip);
/// `cell` with the picture fitted into it and the rest in `bars`.
void draw_fitted(I420Image& canvas, const Picture& picture, const Rect& cell, Yuv bars);

}  // namespace partyline::mixer
