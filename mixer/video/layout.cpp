#include "mixer/video/layout.hpp"

#include <algorithm>
#include <cmath>

namespace partyline::mixer {
namespace {

constexpr int even(int value) {
  return value & ~1;
}

/// The largest even 16:9 cell in a box.
core::VideoSize cell_in(int width, int height) {
  const int by_height = even(height) * 16 / 9;
  const int cell_width = std::max(2, even(std::min(width, by_height)));
  // 426 wide belongs to 240 high: rounding up to even loses nothing as long as the box has the room.
  const int cell_height = std::min(even(height), even((cell_width * 9 + 15) / 16 + 1));
  return {cell_width, std::max(2, cell_height)};
}

struct Shape {
  int columns = 1, rows = 1;
  core::VideoSize cell;
};

/// The column count with the largest cells; among equals the widest, which leaves the fewest holes on a wide canvas.
Shape best_shape(core::VideoSize canvas, int count) {
  Shape best;
  for (int columns = 1; columns <= count; ++columns) {
    const int rows = (count + columns - 1) / columns;
    if ((rows - 1) * columns >= count) continue;
    const Shape shape{columns, rows, cell_in(canvas.width / columns, canvas.height / rows)};
    const int area = shape.cell.width * shape.cell.height;
    const int best_area = best.cell.width * best.cell.height;
    const int holes = columns * rows - count;
    const int best_holes = best.columns * best.rows - count;
    if (area > best_area || (area == best_area && holes <= best_holes)) best = shape;
  }
  return best;
}

}  // namespace

std::vector<Rect> grid_cells(core::VideoSize canvas, int count) {
  count = std::min(count, kMaxTilesShown);
  if (count <= 0) return {};
  if (count == 1) return {{0, 0, canvas.width, canvas.height}};
  const Shape shape = best_shape(canvas, count);
  const auto [width, height] = shape.cell;
  const int top = even((canvas.height - shape.rows * height) / 2);
  std::vector<Rect> cells;
  cells.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    const int row = i / shape.columns;
    const int in_row = std::min(shape.columns, count - row * shape.columns);
    const int left = even((canvas.width - in_row * width) / 2);
    cells.push_back({left + (i % shape.columns) * width, top + row * height, width, height});
  }
  return cells;
}

std::vector<Rect> line_cells(core::VideoSize box, int count, bool row) {
  count = std::min(count, kMaxTilesShown);
  if (count <= 0) return {};
  const auto [width, height] = row ? cell_in(box.width / count, box.height) : cell_in(box.width, box.height / count);
  const int left = even((box.width - (row ? count : 1) * width) / 2);
  const int top = even((box.height - (row ? 1 : count) * height) / 2);
  std::vector<Rect> cells;
  cells.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i)
    cells.push_back({left + (row ? i * width : 0), top + (row ? 0 : i * height), width, height});
  return cells;
}

Rect fit_into(const Rect& cell, core::VideoSize source, int aspect_num, int aspect_den) {
  if (source.width <= 0 || source.height <= 0 || aspect_num <= 0 || aspect_den <= 0) return cell;
  const double aspect =
      static_cast<double>(source.width) * aspect_num / (static_cast<double>(source.height) * aspect_den);
  int width = cell.width;
  int height = even(static_cast<int>(std::lround(width / aspect)));
  if (height > cell.height) {
    height = cell.height;
    width = std::min(cell.width, even(static_cast<int>(std::lround(height * aspect))));
  }
  // Cells are rounded to even, so "the same shape" may miss by a pixel or two: better filled than a hair line.
  if (cell.width - width <= 4) width = cell.width;
  if (cell.height - height <= 4) height = cell.height;
  width = std::max(2, width);
  height = std::max(2, height);
  return {cell.x + even((cell.width - width) / 2), cell.y + even((cell.height - height) / 2), width, height};
}

std::optional<uint64_t> ActiveSpeaker::update(std::span<const Voice> voices, core::TimePoint now) {
  const bool goes_on = current_ && std::ranges::find(voices, *current_, &Voice::member) != voices.end();
  if (goes_on) last_heard_ = now;
  if (goes_on || (current_ && now - last_heard_ < kHold)) return current_;
  const auto next = current_ ? std::ranges::find(voices, Speech::lasting, &Voice::speech) : voices.begin();
  if (next == voices.end()) return current_;
  last_heard_ = now;
  return current_ = next->member;
}

}  // namespace partyline::mixer
