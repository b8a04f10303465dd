#include "mixer/video/paint.hpp"

#include <libyuv.h>

#include "mixer/video/shrink.hpp"

namespace partyline::mixer {
namespace {

struct Corner {
  uint8_t *y, *u, *v;
};

Corner corner_of(I420Image& canvas, int x, int y) {
  return {canvas.y() + y * canvas.stride_y() + x, canvas.u() + (y / 2) * canvas.stride_uv() + x / 2,
          canvas.v() + (y / 2) * canvas.stride_uv() + x / 2};
}

bool inside(const I420Image& canvas, const Rect& area) {
  return area.x >= 0 && area.y >= 0 && area.width > 0 && area.height > 0 &&
         area.x + area.width <= canvas.size().width && area.y + area.height <= canvas.size().height;
}

/// Bilinear reads two rows and two columns and so aliases below half size; the box filter reads everything.
libyuv::FilterMode filter_for(core::VideoSize from, const Rect& to) {
  if (from.width > 2 * to.width || from.height > 2 * to.height) return libyuv::kFilterBox;
  // libyuv has a fast exact half for the box filter only.
  if (from.width == 2 * to.width && from.height == 2 * to.height) return libyuv::kFilterBox;
  return libyuv::kFilterBilinear;
}

bool shrink_picture(const Corner& to, const I420Image& canvas, const I420View& source, const Rect& area) {
  const core::VideoSize chroma{(source.size.width + 1) / 2, (source.size.height + 1) / 2};
  const core::VideoSize half{(area.width + 1) / 2, (area.height + 1) / 2};
  return shrink({source.y, source.stride_y, source.size}, to.y, canvas.stride_y(), {area.width, area.height}) &&
         shrink({source.u, source.stride_u, chroma}, to.u, canvas.stride_uv(), half) &&
         shrink({source.v, source.stride_v, chroma}, to.v, canvas.stride_uv(), half);
}

}  // namespace

void fill(I420Image& canvas, const Rect& area, Yuv colour) {
  if (!inside(canvas, area)) return;
  const Corner to = corner_of(canvas, area.x, area.y);
  libyuv::I420Rect(to.y, canvas.stride_y(), to.u, canvas.stride_uv(), to.v, canvas.stride_uv(), 0, 0, area.width,
                   area.height, colour.y, colour.u, colour.v);
}

void draw(I420Image& canvas, const I420View& source, const Rect& area) {
  if (!inside(canvas, area) || !source.y) return;
  const Corner to = corner_of(canvas, area.x, area.y);
  if (shrink_picture(to, canvas, source, area)) return;
  libyuv::I420Scale(source.y, source.stride_y, source.u, source.stride_u, source.v, source.stride_v, source.size.width,
                    source.size.height, to.y, canvas.stride_y(), to.u, canvas.stride_uv(), to.v, canvas.stride_uv(),
                    area.width, area.height, filter_for(source.size, area));
}

void blend(I420Image& canvas, const Sprite& sprite, const Rect& cell) {
  if (sprite.empty()) return;
  const auto [width, height] = sprite.image.size();
  blend(canvas, sprite.image.view(), sprite.alpha, {cell.x + sprite.x, cell.y + sprite.y, width, height});
}

void blend(I420Image& canvas, const I420View& image, const std::vector<uint8_t>& alpha, const Rect& area) {
  const bool whole = image.size == core::VideoSize{area.width, area.height} &&
                     alpha.size() == static_cast<size_t>(area.width) * static_cast<size_t>(area.height);
  if (!inside(canvas, area) || !whole) return;
  const Corner to = corner_of(canvas, area.x, area.y);
  libyuv::I420Blend(image.y, image.stride_y, image.u, image.stride_u, image.v, image.stride_v, to.y, canvas.stride_y(),
                    to.u, canvas.stride_uv(), to.v, canvas.stride_uv(), alpha.data(), area.width, to.y,
                    canvas.stride_y(), to.u, canvas.stride_uv(), to.v, canvas.stride_uv(), area.width, area.height);
}

I420View part_of(const I420View& view, const Rect& area) {
  I420View part = view;
  part.y += area.y * view.stride_y + area.x;
  part.u += area.y / 2 * view.stride_u + area.x / 2;
  part.v += area.y / 2 * view.stride_v + area.x / 2;
  part.size = {area.width, area.height};
  return part;
}

void take(I420Image& into, const I420Image& canvas, const Rect& area) {
  if (!inside(canvas, area)) {
    into = {};
    return;
  }
  const core::VideoSize size{area.width, area.height};
  if (into.size() != size) into = I420Image(size);
  draw(into, part_of(canvas.view(), area), {0, 0, area.width, area.height});
}

void draw_fitted(I420Image& canvas, const Picture& picture, const Rect& cell, Yuv bars) {
  const Rect area = fit_into(cell, picture.view.size, picture.aspect_num, picture.aspect_den);
  const int right = cell.x + cell.width;
  const int bottom = cell.y + cell.height;
  if (area.y > cell.y) fill(canvas, {cell.x, cell.y, cell.width, area.y - cell.y}, bars);
  if (area.y + area.height < bottom) {
    fill(canvas, {cell.x, area.y + area.height, cell.width, bottom - area.y - area.height}, bars);
  }
  if (area.x > cell.x) fill(canvas, {cell.x, area.y, area.x - cell.x, area.height}, bars);
  if (area.x + area.width < right) {
    fill(canvas, {area.x + area.width, area.y, right - area.x - area.width, area.height}, bars);
  }
  draw(canvas, picture.view, area);
}

}  // namespace partyline::mixer
