#include "mixer/video/layout.hpp"

#include <gtest/gtest.h>

namespace partyline::mixer {
namespace {

using namespace std::chrono_literals;
using Size = core::VideoSize;

TEST(GridLayout, has_the_shape_that_makes_the_largest_cells) {
  struct Row {
    int count;
    Size cell;
    int columns;
  };
  for (const Row& row : {Row{1, {1280, 720}, 1}, Row{2, {640, 360}, 2}, Row{3, {640, 360}, 2}, Row{4, {640, 360}, 2},
                         Row{5, {426, 240}, 3}, Row{6, {426, 240}, 3}, Row{7, {426, 240}, 3}, Row{9, {426, 240}, 3},
                         Row{10, {320, 180}, 4}, Row{12, {320, 180}, 4}, Row{16, {320, 180}, 4}, Row{17, {256, 144}, 5},
                         Row{25, {256, 144}, 5}}) {
    const auto cells = grid_cells({1280, 720}, row.count);
    ASSERT_EQ(cells.size(), static_cast<size_t>(row.count));
    EXPECT_EQ((Size{cells[0].width, cells[0].height}), row.cell) << row.count;
    int columns = 0;
    for (const Rect& cell : cells) columns += cell.y == cells[0].y ? 1 : 0;
    EXPECT_EQ(columns, row.columns) << row.count;
  }
}

void expect_sound(const std::vector<Rect>& cells, Size canvas, int count) {
  for (size_t i = 0; i < cells.size(); ++i) {
    const Rect& a = cells[i];
    EXPECT_TRUE(a.x % 2 == 0 && a.y % 2 == 0 && a.width % 2 == 0 && a.height % 2 == 0) << count;
    EXPECT_TRUE(a.x >= 0 && a.y >= 0 && a.width > 0 && a.height > 0) << count;
    EXPECT_LE(a.x + a.width, canvas.width) << count;
    EXPECT_LE(a.y + a.height, canvas.height) << count;
    for (size_t j = 0; j < i; ++j) {
      const Rect& b = cells[j];
      const bool apart = a.x >= b.x + b.width || b.x >= a.x + a.width || a.y >= b.y + b.height || b.y >= a.y + a.height;
      EXPECT_TRUE(apart) << count << ": " << i << " over " << j;
    }
  }
}

TEST(Layouts, cells_are_even_lie_on_the_canvas_and_do_not_overlap_at_any_size_and_count) {
  for (const Size canvas : {Size{1280, 720}, Size{1920, 1080}, Size{640, 480}, Size{352, 288}, Size{720, 1280},
                            Size{320, 180}, Size{64, 64}, Size{4096, 4096}, Size{854, 480}}) {
    for (int count = 0; count <= 30; ++count) {
      expect_sound(grid_cells(canvas, count), canvas, count);
      expect_sound(line_cells(canvas, count, true), canvas, count);
      expect_sound(line_cells(canvas, count, false), canvas, count);
    }
  }
}

TEST(GridLayout, an_incomplete_last_row_is_centred) {
  const auto cells = grid_cells({1280, 720}, 3);
  EXPECT_EQ(cells[2], (Rect{320, 360, 640, 360}));
}

TEST(GridLayout, shows_25_at_most) {
  EXPECT_EQ(grid_cells({1280, 720}, 100).size(), 25u);
}

TEST(GridLayout, stacks_two_on_a_portrait_canvas) {
  const auto cells = grid_cells({720, 1280}, 2);
  EXPECT_EQ(cells[0].x, cells[1].x);
  EXPECT_LT(cells[0].y, cells[1].y);
}

TEST(Fit, shows_the_source_whole_and_unstretched) {
  const Rect cell{100, 50, 640, 360};
  EXPECT_EQ(fit_into(cell, {640, 360}), cell);
  EXPECT_EQ(fit_into(cell, {1920, 1080}), cell);
  EXPECT_EQ(fit_into(cell, {640, 480}), (Rect{180, 50, 480, 360})) << "4:3 gets pillars";
  EXPECT_EQ(fit_into(cell, {360, 640}), (Rect{318, 50, 202, 360})) << "portrait";
  EXPECT_EQ(fit_into(cell, {1280, 320}), (Rect{100, 150, 640, 160})) << "wide gets letterbox bars";
  EXPECT_EQ(fit_into({0, 0, 426, 240}, {640, 360}), (Rect{0, 0, 426, 240})) << "rounding leaves no hair line";
}

TEST(Fit, takes_the_shape_of_the_samples_into_account) {
  EXPECT_EQ(fit_into({0, 0, 640, 360}, {352, 288}, 12, 11), (Rect{80, 0, 480, 360})) << "CIF is 4:3";
}

TEST(Fit, survives_absurd_shapes) {
  for (const Size source : {Size{4096, 2}, Size{2, 4096}, Size{1, 1}, Size{0, 0}, Size{4096, 4096}}) {
    const Rect area = fit_into({10, 20, 64, 36}, source);
    EXPECT_GE(area.x, 10);
    EXPECT_GE(area.y, 20);
    EXPECT_LE(area.x + area.width, 74);
    EXPECT_LE(area.y + area.height, 56);
    EXPECT_GT(area.width, 0);
    EXPECT_GT(area.height, 0);
  }
}

constexpr Voice heard(uint64_t member) {
  return {member, Speech::lasting};
}

constexpr Voice cough(uint64_t member) {
  return {member, Speech::begun};
}

using Voices = std::vector<Voice>;

TEST(ActiveSpeaker, holds_the_speaker_for_a_second_and_a_half_of_silence) {
  ActiveSpeaker speaker;
  const core::TimePoint t0(100h);
  const Voices nobody, one{heard(1)}, two{heard(2)}, both{heard(2), heard(1)};
  EXPECT_EQ(speaker.update(nobody, t0), std::nullopt);
  EXPECT_EQ(speaker.update(one, t0), 1u) << "the first speaker at once";
  EXPECT_EQ(speaker.update(both, t0 + 5s), 1u) << "nobody is cut off while speaking";
  EXPECT_EQ(speaker.update(two, t0 + 6s), 1u);
  EXPECT_EQ(speaker.update(two, t0 + 6499ms), 1u);
  EXPECT_EQ(speaker.update(two, t0 + 6500ms), 2u);
  EXPECT_EQ(speaker.update(nobody, t0 + 60s), 2u) << "silence changes nothing";
  speaker.forget(2);
  EXPECT_EQ(speaker.current(), std::nullopt);
}

TEST(ActiveSpeaker, a_cough_in_a_pause_takes_nobodys_place) {
  ActiveSpeaker speaker;
  const core::TimePoint t0(100h);
  EXPECT_EQ(speaker.update(Voices{cough(1)}, t0), 1u) << "where nobody has spoken yet, whoever comes first";
  EXPECT_EQ(speaker.update(Voices{}, t0 + 1s), 1u);
  EXPECT_EQ(speaker.update(Voices{cough(2)}, t0 + 2200ms), 1u);
  EXPECT_EQ(speaker.update(Voices{cough(2)}, t0 + 2900ms), 1u) << "its echo";
  EXPECT_EQ(speaker.update(Voices{cough(2), cough(1)}, t0 + 3s), 1u) << "and on he talks";
  EXPECT_EQ(speaker.update(Voices{cough(2), heard(3)}, t0 + 6s), 3u) << "who really speaks does";
}

}  // namespace
}  // namespace partyline::mixer
