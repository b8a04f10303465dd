#include "mixer/video/layout_plan.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <numeric>

#include "tests/support/paths.hpp"

namespace partyline::mixer {
namespace {

constexpr core::VideoSize kCanvas{1280, 720};

LayoutPlan shipped(const std::string& name) {
  std::ifstream file(test::source_dir() + "/conf/layouts/" + name + ".json");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto plan = parse_layout(text);
  EXPECT_TRUE(plan) << (plan ? "" : plan.error().message);
  EXPECT_EQ(plan ? plan->name : "", name);
  return plan ? *plan : LayoutPlan{};
}

std::vector<Guest> people(size_t count) {
  std::vector<Guest> guests(count);
  for (size_t i = 0; i < count; ++i) guests[i].member = i + 1;
  return guests;
}

std::vector<uint64_t> members(const std::vector<Seat>& seats) {
  std::vector<uint64_t> who;
  for (const auto& seat : seats) who.push_back(seat.member);
  return who;
}

constexpr const char* kShipped[] = {"grid", "speaker", "one-on-one", "picture-in-picture", "presentation", "panel"};

TEST(Layouts, all_that_are_shipped_keep_everybody_on_the_canvas_and_apart_in_their_layer) {
  for (const char* name : kShipped) {
    const auto plan = shipped(name);
    for (const core::VideoSize canvas : {kCanvas, core::VideoSize{640, 480}, core::VideoSize{720, 1280}}) {
      for (size_t count = 0; count <= 30; ++count) {
        const auto seats = take_seats(plan, canvas, people(count), 2);
        EXPECT_EQ(seats.empty(), count == 0);
        for (const auto& a : seats) {
          EXPECT_TRUE(a.cell.x % 2 == 0 && a.cell.y % 2 == 0 && a.cell.width % 2 == 0 && a.cell.height % 2 == 0);
          EXPECT_TRUE(a.cell.x >= 0 && a.cell.y >= 0 && a.cell.width > 0 && a.cell.height > 0) << name << count;
          EXPECT_TRUE(a.cell.x + a.cell.width <= canvas.width && a.cell.y + a.cell.height <= canvas.height) << name;
          for (const auto& b : seats) {
            if (&a == &b || a.layer != b.layer) continue;
            EXPECT_NE(a.member, b.member);
            const bool apart = a.cell.x >= b.cell.x + b.cell.width || b.cell.x >= a.cell.x + a.cell.width ||
                               a.cell.y >= b.cell.y + b.cell.height || b.cell.y >= a.cell.y + a.cell.height;
            EXPECT_TRUE(apart) << name << " with " << count;
          }
        }
      }
    }
  }
}

TEST(SpeakerLayout, gives_the_speaker_the_large_cell_and_the_others_a_strip) {
  const auto seats = take_seats(shipped("speaker"), kCanvas, people(5), 3);
  EXPECT_EQ(members(seats), (std::vector<uint64_t>{3, 1, 2, 4, 5}));
  EXPECT_EQ(seats[0].cell, (Rect{160, 0, 960, 540}));
  EXPECT_EQ(seats[1].cell, (Rect{0, 540, 320, 180}));
  EXPECT_EQ(seats[4].cell, (Rect{960, 540, 320, 180}));
  EXPECT_EQ(take_seats(shipped("speaker"), kCanvas, people(40), 3).size(), 9u);
  EXPECT_EQ(members(take_seats(shipped("speaker"), kCanvas, people(3), std::nullopt))[0], 1u)
      << "until somebody speaks";
}

TEST(SpeakerLayout, a_pinned_member_stays_large_whoever_speaks) {
  auto guests = people(4);
  guests[3].pinned = true;
  EXPECT_EQ(members(take_seats(shipped("speaker"), kCanvas, guests, 2)), (std::vector<uint64_t>{4, 1, 2, 3}));
}

TEST(GridLayout, everybody_keeps_his_place_whoever_speaks) {
  EXPECT_EQ(members(take_seats(shipped("grid"), kCanvas, people(3), 3)), (std::vector<uint64_t>{1, 2, 3}));
  EXPECT_EQ(take_seats(shipped("grid"), kCanvas, people(1), 1)[0].cell, (Rect{0, 0, 1280, 720}));
}

TEST(GridLayout, a_speaker_beyond_the_last_cell_gets_the_last_cell) {
  const auto who = members(take_seats(shipped("grid"), kCanvas, people(40), 33));
  ASSERT_EQ(who.size(), 25u);
  EXPECT_EQ(who.front(), 1u);
  EXPECT_EQ(who.back(), 33u);
}

TEST(PresentationLayout, a_screen_share_takes_the_stage_and_people_the_column) {
  auto guests = people(4);
  guests[2].presenting = true;
  const auto seats = take_seats(shipped("presentation"), kCanvas, guests, 1);
  EXPECT_EQ(members(seats), (std::vector<uint64_t>{3, 1, 2, 4}));
  EXPECT_GE(seats[0].cell.width, 1000);
  EXPECT_EQ(members(take_seats(shipped("presentation"), kCanvas, people(3), 2)), (std::vector<uint64_t>{2, 1, 3}))
      << "without a share the speaker has the stage";
}

TEST(PictureInPicture, the_small_one_lies_above) {
  const auto seats = take_seats(shipped("picture-in-picture"), kCanvas, people(2), 1);
  ASSERT_EQ(seats.size(), 2u);
  EXPECT_EQ(seats[0].cell, (Rect{0, 0, 1280, 720}));
  EXPECT_GT(seats[1].layer, seats[0].layer);
  EXPECT_EQ(seats[1].member, 2u);
}

TEST(PanelLayout, has_the_whole_canvas_while_nobody_is_left_for_the_strip) {
  const auto seats = take_seats(shipped("panel"), kCanvas, people(4), 1);
  ASSERT_EQ(seats.size(), 4u);
  EXPECT_EQ(seats[0].cell, (Rect{0, 0, 640, 360}));
  EXPECT_EQ(seats[3].cell, (Rect{640, 360, 640, 360}));
  EXPECT_LT(take_seats(shipped("panel"), kCanvas, people(5), 1)[0].cell.width, 640);
}

TEST(PanelLayout, nobody_on_the_panel_moves_because_somebody_speaks) {
  const auto plan = shipped("panel");
  const auto seated = [&](uint64_t active) { return members(take_seats(plan, kCanvas, people(6), active)); };
  const std::vector<uint64_t> joined{1, 2, 3, 4, 5, 6};
  for (const uint64_t active : {1, 2, 3, 4}) EXPECT_EQ(seated(active), joined) << active;
  EXPECT_EQ(seated(6), (std::vector<uint64_t>{1, 2, 3, 6, 4, 5})) << "who is not on it takes its last place";
  auto guests = people(6);
  guests[4].pinned = true;
  EXPECT_EQ(members(take_seats(plan, kCanvas, guests, 2)), (std::vector<uint64_t>{5, 1, 2, 3, 4, 6}));
}

TEST(OneOnOneLayout, both_stay_where_they_are_whoever_speaks) {
  const auto plan = shipped("one-on-one");
  const auto seated = [&](size_t count, uint64_t active) {
    return members(take_seats(plan, kCanvas, people(count), active));
  };
  EXPECT_EQ(seated(2, 1), (std::vector<uint64_t>{1, 2}));
  EXPECT_EQ(seated(2, 2), (std::vector<uint64_t>{1, 2}));
  EXPECT_EQ(seated(4, 2), (std::vector<uint64_t>{1, 2}));
  EXPECT_EQ(seated(4, 4), (std::vector<uint64_t>{1, 4}));
  auto guests = people(4);
  guests[2].pinned = true;
  EXPECT_EQ(members(take_seats(plan, kCanvas, guests, 1)), (std::vector<uint64_t>{3, 1}));
}

TEST(OneRegion, keeps_to_its_own_area) {
  LayoutPlan plan{"inset", {{0.25, 0.25, 0.5, 0.5}}, std::nullopt, false};
  const auto seats = take_seats(plan, kCanvas, people(2), 1);
  EXPECT_GE(seats[0].cell.x, 320);
  EXPECT_GE(seats[0].cell.y, 180);
}

TEST(Catalog, auto_follows_the_room) {
  LayoutCatalog catalog;
  for (const char* name : kShipped) catalog.add(shipped(name));
  EXPECT_EQ(catalog.choose("auto", 1, false).name, "grid");
  EXPECT_EQ(catalog.choose("auto", 25, false).name, "grid");
  EXPECT_EQ(catalog.choose("auto", 26, false).name, "speaker");
  EXPECT_EQ(catalog.choose("auto", 3, true).name, "presentation");
  EXPECT_EQ(catalog.choose("panel", 3, true).name, "panel");
  EXPECT_EQ(catalog.choose("gone", 3, false).name, "grid");
  EXPECT_TRUE(catalog.knows("auto") && catalog.knows("panel"));
  EXPECT_FALSE(catalog.knows("gone"));
  EXPECT_EQ(LayoutCatalog().choose("auto", 3, true).name, "grid") << "without the shipped ones";
}

TEST(Catalog, a_plan_of_the_same_name_replaces_ours) {
  LayoutCatalog catalog;
  auto plan = shipped("panel");
  plan.name = "grid";
  catalog.add(plan);
  EXPECT_EQ(catalog.choose("grid", 1, false).regions.size(), 2u);
  EXPECT_EQ(catalog.names().size(), 3u);
}

TEST(LayoutFile, says_what_is_wrong) {
  const auto complaint = [](std::string_view json) {
    const auto plan = parse_layout(json);
    return plan ? std::string() : plan.error().message;
  };
  const std::string good = R"({"name":"x","regions":[{}]})";
  EXPECT_EQ(complaint(good), "");
  EXPECT_NE(complaint("{").find("JSON"), std::string::npos);
  EXPECT_NE(complaint(R"({"name":"X","regions":[{}]})").find("'name'"), std::string::npos);
  EXPECT_NE(complaint(R"({"name":"auto","regions":[{}]})").find("'name'"), std::string::npos);
  EXPECT_NE(complaint(R"({"name":"x","regions":[]})").find("'regions'"), std::string::npos);
  EXPECT_NE(complaint(R"({"name":"x","regions":[{"area":[0,0,1]}]})").find("'area'"), std::string::npos);
  EXPECT_NE(complaint(R"({"name":"x","regions":[{"area":[0.5,0,0.6,1]}]})").find("'area'"), std::string::npos);
  EXPECT_NE(complaint(R"({"name":"x","regions":[{"area":[0,0,1e400,1]}]})").find("layout"), std::string::npos);
  EXPECT_NE(complaint(R"({"name":"x","regions":[{"role":"boss"}]})").find("'role'"), std::string::npos);
  EXPECT_NE(complaint(R"({"name":"x","regions":[{"spread":1}]})").find("'spread'"), std::string::npos);
  EXPECT_NE(complaint(R"({"name":"x","regions":[{"most":26}]})").find("'most'"), std::string::npos);
  EXPECT_NE(complaint(R"({"name":"x","regions":[{"mots":2}]})").find("no field 'mots'"), std::string::npos);
  EXPECT_NE(complaint(R"({"name":"x","regions":[{}],"automatic":{"members":[3,2]}})").find("'members'"),
            std::string::npos);
}

}  // namespace
}  // namespace partyline::mixer
