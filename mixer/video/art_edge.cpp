#include <algorithm>
#include <array>
#include <vector>

#include "mixer/video/art_board.hpp"

namespace partyline::mixer {
namespace {

constexpr int kCornerRadius = 10;
constexpr int kGap = 2;   // the visible gap between two tiles is twice this
constexpr int kRing = 4;  // thickness of an edge strip; the speaking ring lies in it
constexpr Rgb kOutline{235, 238, 245};

int radius_of(core::VideoSize cell) {
  return even_up(std::clamp(cell.height / 24, 6, kCornerRadius + 2));
}

std::vector<Sprite> cut_edge(Board& board) {
  std::vector<Sprite> parts;
  for (const Rect& part : edge_parts(board.size())) parts.push_back(board.cut(part.x, part.y, part.width, part.height));
  return parts;
}

/// Everything outside of the round corners and within the gap.
void fill_outside(Board& board) {
  const auto [width, height] = board.size();
  board.fill(kBackground);
  cairo_set_operator(board.cairo(), CAIRO_OPERATOR_CLEAR);
  rounded(board.cairo(), kGap, kGap, width - 2 * kGap, height - 2 * kGap, radius_of(board.size()) - kGap);
  cairo_fill(board.cairo());
  cairo_set_operator(board.cairo(), CAIRO_OPERATOR_OVER);
}

void stroke_ring(Board& board, double stroke) {
  const auto [width, height] = board.size();
  rounded(board.cairo(), stroke / 2, stroke / 2, width - stroke, height - stroke, radius_of(board.size()));
  cairo_set_line_width(board.cairo(), stroke);
  cairo_stroke(board.cairo());
}

bool too_small(core::VideoSize cell) {
  return std::min(cell.width, cell.height) < 4 * radius_of(cell);
}

}  // namespace

std::array<Rect, kEdgeParts> edge_parts(core::VideoSize cell) {
  if (too_small(cell)) return {};
  const auto [width, height] = cell;
  const int r = radius_of(cell), right = width - r, bottom = height - r;
  return {{{0, 0, r, r},
           {0, bottom, r, r},
           {right, 0, r, r},
           {right, bottom, r, r},
           {r, 0, width - 2 * r, kRing},
           {r, height - kRing, width - 2 * r, kRing},
           {0, r, kRing, height - 2 * r},
           {width - kRing, r, kRing, height - 2 * r}}};
}

std::vector<Sprite> draw_edge(core::VideoSize cell, bool speaking) {
  if (too_small(cell)) return {};
  Board board(cell);
  fill_outside(board);
  if (speaking) {
    board.colour(kSpeakingColour);
    stroke_ring(board, kRing - 1);
  }
  return cut_edge(board);
}

std::vector<Sprite> draw_frame(core::VideoSize cell, bool speaking) {
  if (too_small(cell)) return {};
  Board mask(cell);
  fill_outside(mask);
  std::vector<Sprite> parts = cut_edge(mask);
  Board ring(cell);
  const auto [width, height] = cell;
  if (speaking) {
    ring.colour(kSpeakingColour);
    stroke_ring(ring, kRing - 1);
  } else {  // a thin line, for what lies below may look like the picture
    constexpr double kLine = 1.5;
    ring.colour(kOutline, 0.5);
    rounded(ring.cairo(), kGap, kGap, width - 2 * kGap, height - 2 * kGap, radius_of(cell) - kGap);
    cairo_set_line_width(ring.cairo(), kLine);
    cairo_stroke(ring.cairo());
  }
  for (Sprite& part : cut_edge(ring)) parts.push_back(std::move(part));
  return parts;
}

}  // namespace partyline::mixer
