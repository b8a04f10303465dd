// Letters and curves.
#include "mixer/video/art.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "tests/mixer/video/video_test_support.hpp"

namespace partyline::mixer {
namespace {

using namespace test;

const std::string kFont = EngineConfig().font;

/// How many pixels of a sprite are light, and how many are coloured.
std::pair<int, int> ink(const Sprite& sprite) {
  int light = 0;
  int coloured = 0;
  const I420View view = sprite.image.view();
  for (int y = 0; y < view.size.height; ++y) {
    for (int x = 0; x < view.size.width; ++x) {
      const Yuv p = pixel(view, x, y);
      light += p.y > 150 ? 1 : 0;
      coloured += std::abs(p.u - 128) + std::abs(p.v - 128) > 40 ? 1 : 0;
    }
  }
  return {light, coloured};
}

std::string bytes_of(const Sprite& sprite) {
  const I420View view = sprite.image.view();
  std::string bytes;
  for (int y = 0; y < view.size.height; ++y) {
    bytes.append(reinterpret_cast<const char*>(view.y + y * view.stride_y), static_cast<size_t>(view.size.width));
  }
  return bytes;
}

TEST(Label, names_in_every_script_are_drawn_and_differ) {
  std::set<std::string> seen;
  for (const char* name : {"Anna", "Jürgen Müller", "王小明", "李小龙", "محمد علي", "שלום", "Дмитрий", "さくら",
                           "김민준", "आरव", "สมชาย"}) {
    const Sprite label = draw_label(name, false, {640, 360}, kFont);
    ASSERT_FALSE(label.empty()) << name;
    EXPECT_GT(ink(label).first, 40) << name;
    EXPECT_TRUE(seen.insert(bytes_of(label)).second) << name << " looks like another name: a font is missing";
  }
}

TEST(Label, emoji_have_their_colours) {
  EXPECT_EQ(ink(draw_label("Anna", false, {640, 360}, kFont)).second, 0);
  EXPECT_GT(ink(draw_label("+49 30 901820", false, {640, 360}, kFont)).first, 200) << "digits are not emoji";
  EXPECT_GT(ink(draw_label("🎉🔥", false, {640, 360}, kFont)).second, 40);
}

TEST(Label, a_long_name_is_cut_with_an_ellipsis_and_stays_in_its_cell) {
  std::string endless;
  for (int i = 0; i < 5000; ++i) endless += "very long ";
  for (const core::VideoSize cell : {core::VideoSize{1280, 720}, core::VideoSize{426, 240}, core::VideoSize{160, 90}}) {
    const Sprite label = draw_label(endless, true, cell, kFont);
    ASSERT_FALSE(label.empty());
    EXPECT_LE(label.x + label.image.size().width, cell.width);
    EXPECT_LE(label.y + label.image.size().height, cell.height);
    EXPECT_EQ(label.x % 2 + label.y % 2 + label.image.size().width % 2 + label.image.size().height % 2, 0);
  }
}

TEST(Label, a_muted_microphone_is_drawn_in_red) {
  EXPECT_GT(ink(draw_label("Anna", true, {640, 360}, kFont)).second, 20);
  EXPECT_FALSE(draw_label("", true, {640, 360}, kFont).empty());
  EXPECT_TRUE(draw_label("", false, {640, 360}, kFont).empty());
}

TEST(Label, names_that_are_no_text_do_no_harm) {
  for (const std::string name : {"\xff\xfe\xfd", "a\nb\tc", "\xE2\x80\xAE reversed", "\xF0\x9F", "\x01\x02"}) {
    draw_label(name, false, {320, 180}, kFont);
    draw_placeholder(name, {320, 180}, kFont);
  }
  draw_label("Anna", false, {2, 2}, kFont);
  draw_placeholder("Anna", {2, 2}, kFont);
}

TEST(Initials, stand_for_the_name_in_its_own_script) {
  EXPECT_EQ(initials_of("Anna Schmidt"), "AS");
  EXPECT_EQ(initials_of("anna"), "A");
  EXPECT_EQ(initials_of("Jean-Luc van der Berg"), "JB");
  EXPECT_EQ(initials_of("王小明"), "王");
  EXPECT_EQ(initials_of("محمد علي"), "م");
  EXPECT_EQ(initials_of("👩‍🚀 Ada"), "👩‍🚀") << "a joined emoji is one sign";
  EXPECT_EQ(initials_of("+49 30 1234"), "") << "a number gets a silhouette";
  EXPECT_EQ(initials_of(""), "");
  EXPECT_EQ(initials_of("   "), "");
}

TEST(Edge, covers_the_rim_and_leaves_the_picture_alone) {
  I420Image canvas = solid({640, 360}, kGreen);
  for (const Sprite& part : draw_edge({640, 360}, true)) blend(canvas, part, {0, 0, 640, 360});
  EXPECT_TRUE(near(pixel(canvas.view(), 0, 0), to_yuv(kBackground)));
  EXPECT_TRUE(near(pixel(canvas.view(), 320, 0), to_yuv(kSpeakingColour), 20));
  EXPECT_TRUE(near(pixel(canvas.view(), 320, 6), kGreen));
  EXPECT_TRUE(near(pixel(canvas.view(), 320, 180), kGreen));
}

TEST(Blend, what_would_stick_out_of_the_canvas_is_not_drawn) {
  I420Image canvas = solid({64, 36}, kRed);
  const Sprite label = draw_label("Anna", false, {640, 360}, kFont);
  blend(canvas, label, {0, 0, 64, 36});
  blend(canvas, label, {-1000, -1000, 64, 36});
  EXPECT_TRUE(near(pixel(canvas.view(), 32, 18), kRed));
}

}  // namespace
}  // namespace partyline::mixer
