// Every shipped layout with 1 to 16 members against pictures that somebody has looked at (tests/data/golden, JPEG, a
// quarter of the canvas' width). They are compared block by block, so that another version of a font passes and a tile
// in a wrong place, a missing label or a stretched picture does not.
//
//   PARTYLINE_GOLDEN=rewrite   writes the golden pictures anew: look at them before you commit
//   PARTYLINE_PICTURES=DIR     writes the canvases there in full size, to be looked at
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/mixer/video/golden_support.hpp"
#include "tests/support/paths.hpp"

namespace partyline::mixer {
namespace {

using namespace test;

constexpr core::VideoSize kSmall{320, 180};
// Measured: another cut of the font differs by 5, one short name that is missing among sixteen tiles by 26, all else by
// much more.
constexpr double kTolerance = 18;

std::shared_ptr<const LayoutCatalog> shipped_layouts() {
  auto catalog = std::make_shared<LayoutCatalog>();
  for (const auto& entry : std::filesystem::directory_iterator(partyline::test::source_dir() + "/conf/layouts")) {
    std::ifstream file(entry.path());
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    catalog->add(*parse_layout(text));
  }
  return catalog;
}

struct Scene {
  std::string layout;
  int members = 0;
  std::string font = EngineConfig().font;
  bool stretched = false, pictures_for_all = false;
  int nameless = -1;
};

/// Every third member sends no picture, every fifth one of a telephone held upright; the third one speaks.
I420Image canvas_of(const Scene& scene) {
  static const std::vector<std::string> kNames{
      "Anna Schmidt",   "王小明",        "محمد علي",
      "🎉 Party Pete 🚀", "+49 30 901820", "A name that is far too long to be shown in any tile of this world",
      "さくら"};
  static const auto kLayouts = shipped_layouts();
  RoomConfig config;
  config.name = "Weekly sync 周会";
  config.layout = scene.layout;
  Room room(config, kLayouts);
  room.watch(1);
  for (int i = 0; i < scene.members; ++i) {
    const auto id = static_cast<uint64_t>(i);
    const auto feed = room.join(id, i == scene.nameless ? "" : kNames[id % kNames.size()]);
    const core::VideoSize size = i % 5 == 2 ? core::VideoSize{360, 640} : core::VideoSize{640, 360};
    if (i % 3 != 1 || scene.pictures_for_all) feed->next = person(size, i);
    if (feed->next && scene.stretched) feed->next->aspect_num = 2;
    room.core.set_audio_muted(id, i % 4 == 1);
    room.speak(id, i == 2 || scene.members == 1);
    room.core.set_presenting(id, i == 3 && scene.layout == "presentation");
  }
  // The first tick asks for the art, the second one has it.
  for (int i = 0; i < 3; ++i) {
    room.core.tick(room.now);
    for (const ArtKey& key : room.core.gallery().take_wishes())
      room.core.gallery().hang(key, draw_art(key, scene.font));
    room.now += room.core.frame_interval();
  }
  return room.core.canvas();
}

/// Small, and once through the codec, as the golden ones have been.
Picture as_golden(const I420Image& canvas) {
  I420Image small(kSmall);
  draw(small, canvas.view(), {0, 0, kSmall.width, kSmall.height});
  return from_jpeg(to_jpeg(small.view()));
}

struct Case {
  const char* layout;
  int members;
};

std::string name_of(const Case& one) {
  return std::string(one.layout) + "-" + std::to_string(one.members);
}

std::vector<Case> cases() {
  std::vector<Case> all{{"grid", 0}};
  for (const char* layout : {"grid", "speaker", "one-on-one", "picture-in-picture", "presentation", "panel"})
    for (const int members : {1, 2, 3, 5, 9, 16}) all.push_back({layout, members});
  return all;
}

class Golden : public testing::TestWithParam<Case> {};

TEST_P(Golden, picture_is_as_it_was_when_somebody_looked_at_it) {
  const I420Image canvas = canvas_of({.layout = GetParam().layout, .members = GetParam().members});
  const std::string file = partyline::test::source_dir() + "/tests/data/golden/" + name_of(GetParam()) + ".jpg";
  show_picture(name_of(GetParam()), canvas.view());
  if (const char* wish = std::getenv("PARTYLINE_GOLDEN"); wish && std::string(wish) == "rewrite") {
    I420Image small(kSmall);
    draw(small, canvas.view(), {0, 0, kSmall.width, kSmall.height});
    write_file(file, to_jpeg(small.view()));
  }
  const Picture golden = from_jpeg(read_file(file));
  ASSERT_TRUE(golden) << file << " is missing or no JPEG";
  const Picture now = as_golden(canvas);
  const Difference difference = compare(golden.view, now.view);
  if (difference.worst <= kTolerance) return;
  const std::string seen = testing::TempDir() + name_of(GetParam()) + ".jpg";
  write_file(seen, to_jpeg(canvas.view()));
  ADD_FAILURE() << "differs by " << difference.worst << " around " << difference.x * 4 << "," << difference.y * 4
                << " of the canvas; it is now in " << seen;
}

INSTANTIATE_TEST_SUITE_P(Layouts, Golden, testing::ValuesIn(cases()), [](const auto& one) {
  std::string name = name_of(one.param);
  std::ranges::replace(name, '-', '_');
  return name;
});

double difference_between(const Scene& a, const Scene& b) {
  return compare(as_golden(canvas_of(a)).view, as_golden(canvas_of(b)).view).worst;
}

TEST(GoldenComparison, notices_what_a_user_would_notice) {
  const Scene nine{.layout = "grid", .members = 9};
  Scene changed = nine;
  changed.stretched = true;
  EXPECT_GT(difference_between(nine, changed), kTolerance) << "sources are stretched";
  changed = nine;
  changed.pictures_for_all = true;
  EXPECT_GT(difference_between(nine, changed), kTolerance) << "a placeholder is missing";
  EXPECT_GT(difference_between({.layout = "grid", .members = 5}, {.layout = "speaker", .members = 5}), kTolerance);
}

TEST(GoldenComparison, notices_a_label_that_is_missing_in_one_tile_of_sixteen) {
  const Scene all{.layout = "grid", .members = 16};
  for (int i = 0; i < 16; ++i) {
    Scene one_less = all;
    one_less.nameless = i;
    EXPECT_GT(difference_between(all, one_less), kTolerance) << i;
  }
}

TEST(GoldenComparison, notices_a_picture_that_is_sixteen_pixels_off) {
  const I420Image canvas = canvas_of({.layout = "grid", .members = 5});
  I420Image moved = solid(canvas.size(), to_yuv(kBackground));
  I420View part = canvas.view();
  part.size.width -= 16;
  draw(moved, part, {16, 0, part.size.width, part.size.height});
  EXPECT_GT(compare(as_golden(canvas).view, as_golden(moved).view).worst, kTolerance);
}

TEST(GoldenComparison, does_not_mind_letters_of_a_slightly_different_width) {
  const Scene five{.layout = "grid", .members = 5};
  Scene other = five;
  other.font = "Noto Sans Display, Noto Sans CJK SC, Noto Sans Arabic";
  EXPECT_LE(difference_between(five, other), kTolerance);
}

}  // namespace
}  // namespace partyline::mixer
