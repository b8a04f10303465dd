// Views that leave a member out, and cells that lie above others: seen by colour, and against rooms painted at once.
#include "mixer/video/view.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/mixer/video/golden_support.hpp"
#include "tests/support/paths.hpp"

namespace partyline::mixer {
namespace {

using namespace test;

VideoRendition without(uint64_t member) {
  return {core::Codec::h264, {640, 360}, 30, core::Bitrate::kbps(1500), 0, member};
}

/// How much of it is of this colour.
double share(const I420View& view, Yuv colour) {
  int count = 0;
  for (int y = 0; y < view.size.height; y += 4)
    for (int x = 0; x < view.size.width; x += 4) count += near(pixel(view, x, y), colour) ? 1 : 0;
  return 16.0 * count / (view.size.width * view.size.height);
}

bool same_pixels(const I420View& a, const I420View& b) {
  const auto same = [](const uint8_t* p, int stride_p, const uint8_t* q, int stride_q, int width, int height) {
    for (int row = 0; row < height; ++row)
      if (std::memcmp(p + row * stride_p, q + row * stride_q, static_cast<size_t>(width)) != 0) return false;
    return true;
  };
  return a.size == b.size && same(a.y, a.stride_y, b.y, b.stride_y, a.size.width, a.size.height) &&
         same(a.u, a.stride_u, b.u, b.stride_u, a.size.width / 2, a.size.height / 2) &&
         same(a.v, a.stride_v, b.v, b.stride_v, a.size.width / 2, a.size.height / 2);
}

LayoutPlan shipped(const std::string& name) {
  std::ifstream file(partyline::test::source_dir() + "/conf/layouts/" + name + ".json");
  return *parse_layout(std::string{std::istreambuf_iterator<char>(file), {}});
}

/// Member 1 in red, 2 in green, 3 in blue, 4 in white.
struct Meeting {
  explicit Meeting(int members, RoomConfig config = {}, std::shared_ptr<const LayoutCatalog> layouts = nullptr)
      : room(std::move(config), std::move(layouts)) {
    for (int i = 1; i <= members; ++i) join(static_cast<uint64_t>(i));
  }
  void join(uint64_t member) { feeds[member] = room.join(member, "M" + std::to_string(member)); }
  void show(uint64_t member) {
    static const std::vector<Yuv> kColours{kWhite, kRed, kGreen, kBlue};
    feeds.at(member)->next = solid_picture({480, 270}, kColours[member % 4], room.now);
  }
  void tick(int count = 1) {
    for (int i = 0; i < count; ++i) room.tick();
  }
  void show_all(int ticks = 4) {
    for (int i = 0; i < ticks; ++i) {
      for (const auto& [member, feed] : feeds) show(member);
      tick();
    }
  }
  I420View seen(uint64_t hidden) const { return room.core.canvas(hidden).view(); }
  Room room;
  std::map<uint64_t, std::shared_ptr<ScriptedFeed>> feeds;
};

TEST(View, who_is_left_out_is_not_seen_by_that_receiver_and_by_all_others) {
  Meeting meeting(3);
  const auto phone = meeting.room.watch(1, without(2));
  const auto others = meeting.room.watch(2, without(0));
  meeting.show_all(8);
  const auto mine = decode_last(phone->frames), theirs = decode_last(others->frames);
  ASSERT_TRUE(mine && theirs);
  show_picture("view-without-2", mine->view);
  show_picture("view-of-all", theirs->view);
  EXPECT_TRUE(phone->frames.front().keyframe);
  EXPECT_EQ(share(mine->view, kGreen), 0);
  EXPECT_GT(share(mine->view, kRed), 0.2);
  EXPECT_GT(share(mine->view, kBlue), 0.2);
  for (const Yuv colour : {kRed, kGreen, kBlue}) EXPECT_GT(share(theirs->view, colour), 0.2);
}

TEST(View, of_two_members_the_other_one_fills_the_picture_and_alone_one_sees_the_slate) {
  Meeting meeting(2);
  meeting.room.watch(1, without(1));
  meeting.show_all();
  EXPECT_GT(share(meeting.seen(1), kGreen), 0.9);
  meeting.feeds.erase(2);
  meeting.room.core.remove_tile(2, meeting.room.now);
  meeting.show_all();
  EXPECT_EQ(share(meeting.seen(1), kRed), 0);
  EXPECT_GT(pixel(meeting.seen(1), 640, 10).y, to_yuv(kBackground).y) << "it is the slate";
}

TEST(View, receivers_with_the_same_view_share_its_encode) {
  Meeting meeting(3);
  for (OutputId id = 1; id <= 3; ++id) meeting.room.watch(id, without(0));
  for (OutputId id = 4; id <= 6; ++id) meeting.room.watch(id, without(2));
  EXPECT_EQ(meeting.room.core.encoder_count(), 2);
  EXPECT_EQ(meeting.room.core.output_count(), 6);
}

// What is copied from another view must not differ by a pixel from what is drawn.
TEST(View, it_is_the_very_picture_of_a_room_in_which_that_member_is_not) {
  for (const int members : {2, 3, 4, 6, 9, 10}) {
    Meeting with(members), without_it(members);
    with.room.watch(1, without(0));
    with.room.watch(2, without(2));
    without_it.room.watch(1, without(0));
    without_it.feeds.erase(2);
    without_it.room.core.remove_tile(2, without_it.room.now);
    for (Meeting* meeting : {&with, &without_it}) {
      meeting->show_all();
      meeting->room.speak(1, true);
      meeting->room.core.set_audio_muted(1, true);
      meeting->tick(3);
      meeting->show(1);
      meeting->tick(2);
    }
    EXPECT_TRUE(same_pixels(with.seen(2), without_it.seen(0))) << members;
  }
}

TEST(View, what_has_the_same_size_in_two_views_is_scaled_once) {
  Meeting meeting(9);
  meeting.room.watch(1, without(0));
  meeting.room.watch(2, without(9));
  meeting.show_all(10);
  const uint64_t painted = meeting.room.core.tiles_painted(), copied = meeting.room.core.tiles_copied();
  meeting.show_all(1);
  EXPECT_EQ(meeting.room.core.tiles_painted() - painted, 17u);
  EXPECT_EQ(meeting.room.core.tiles_copied() - copied, 8u) << "nine and eight sit in cells of one size";
}

TEST(View, a_view_that_nobody_sees_is_not_painted) {
  Meeting meeting(3);
  meeting.room.watch(1, without(1));
  meeting.show_all();
  const uint64_t painted = meeting.room.core.tiles_painted();
  meeting.show_all(1);
  EXPECT_EQ(meeting.room.core.tiles_painted() - painted, 2u) << "not the picture of everybody";
  meeting.room.watch(2, without(0));
  meeting.show_all();
  for (const Yuv colour : {kRed, kGreen, kBlue}) EXPECT_GT(share(meeting.seen(0), colour), 0.2);
}

TEST(View, nothing_is_painted_in_any_view_while_nothing_changes) {
  Meeting meeting(4);
  meeting.room.watch(1, without(0));
  meeting.room.watch(2, without(1));
  meeting.room.watch(3, without(2));
  meeting.show_all();
  meeting.tick(2);
  const uint64_t painted = meeting.room.core.tiles_painted();
  meeting.tick(30);
  EXPECT_EQ(meeting.room.core.tiles_painted(), painted);
}

TEST(View, a_source_is_asked_for_the_largest_size_it_is_shown_at) {
  struct Sized final : PictureFeed {
    core::VideoSize size;
    void set_wanted(bool, core::TimePoint) override {}
    void set_shown_size(core::VideoSize shown) override { size = shown; }
    std::optional<Picture> take_due(core::TimePoint, core::Duration) override { return std::nullopt; }
    std::optional<core::TimePoint> last_sent() const override { return std::nullopt; }
  };
  Meeting meeting(1);
  const auto feed = std::make_shared<Sized>();
  meeting.room.core.add_tile(2, "", true, feed);
  meeting.room.watch(1, without(0));
  meeting.tick();
  EXPECT_EQ(feed->size, (core::VideoSize{640, 360}));
  meeting.room.watch(2, without(1));
  meeting.tick();
  EXPECT_EQ(feed->size, (core::VideoSize{1280, 720})) << "member 1 sees nobody else";
  meeting.room.core.remove_output(2);
  meeting.tick();
  EXPECT_EQ(feed->size, (core::VideoSize{640, 360}));
}

TEST(View, who_speaks_does_not_get_his_own_picture_in_the_speakers_place) {
  Meeting meeting(3, {.name = "demo", .layout = "speaker"});
  meeting.room.watch(1, without(0));
  meeting.room.watch(2, without(3));
  meeting.room.speak(3, true);
  meeting.show_all();
  EXPECT_TRUE(near(pixel(meeting.seen(0), 640, 200), kBlue));
  EXPECT_TRUE(near(pixel(meeting.seen(3), 640, 200), kRed)) << "who came first";
  EXPECT_EQ(share(meeting.seen(3), kBlue), 0);
}

TEST(View, it_goes_on_when_the_one_it_hides_has_left) {
  Meeting meeting(3);
  const auto sink = meeting.room.watch(1, without(2));
  meeting.show_all();
  meeting.feeds.erase(2);
  meeting.room.core.remove_tile(2, meeting.room.now);
  sink->frames.clear();
  meeting.show_all(5);
  EXPECT_EQ(sink->frames.size(), 5u);
  EXPECT_GT(share(meeting.seen(2), kRed), 0.2);
}

TEST(View, under_overload_it_shrinks_like_the_others) {
  Meeting meeting(3);
  meeting.room.watch(1, without(0));
  meeting.room.watch(2, without(1));
  meeting.show_all();
  meeting.room.core.set_economy({.least_effort = false, .rate_divisor = 1, .size_sixths = 4});
  meeting.show_all();
  EXPECT_EQ(meeting.seen(1).size, meeting.seen(0).size);
  EXPECT_GT(share(meeting.seen(1), kBlue), 0.2);
}

/// The second region lies on the first one's, the third on a corner of the second one's alone, the fourth on both.
struct Pile : testing::TestWithParam<const char*> {
  static std::shared_ptr<const LayoutCatalog> layouts() {
    auto catalog = std::make_shared<LayoutCatalog>();
    catalog->add(*parse_layout(GetParam()));
    return catalog;
  }
};

TEST_P(Pile, whatever_is_painted_again_leaves_nothing_behind_in_what_lies_above) {
  Meeting once(4, {.name = "demo", .layout = "pile"}, layouts()),
      often(4, {.name = "demo", .layout = "pile"}, layouts());
  for (Meeting* meeting : {&once, &often}) {
    meeting->room.watch(1, without(0));
    meeting->room.core.set_pinned(1, true);
    meeting->show_all(1);
    meeting->tick(3);
  }
  show_picture("pile", once.seen(0));
  for (const uint64_t turned : {1, 2, 3, 4, 2, 1}) {
    // A ring around one that lies in the middle is drawn over what shines through the corners of those above.
    for (const bool speaks : {true, false}) {
      often.room.speak(turned, speaks);
      often.tick(3);
      often.show(turned);
      often.tick();
      often.show(1);
      often.tick();
    }
    EXPECT_TRUE(same_pixels(once.seen(0), often.seen(0))) << turned;
  }
}

INSTANTIATE_TEST_SUITE_P(Piles, Pile,
                         testing::Values(R"({"name":"pile","regions":[{"role":"speaker","spread":"one"},
                                            {"area":[0.3,0.3,0.4,0.4],"spread":"one"},
                                            {"area":[0.6,0.6,0.25,0.25],"spread":"one"},
                                            {"area":[0.2,0.2,0.2,0.2],"spread":"one"}]})",
                                         R"({"name":"pile","regions":[
                                            {"area":[0,0,0.5,0.5],"role":"speaker","spread":"one"},
                                            {"area":[0.3,0.3,0.4,0.4],"spread":"one"},
                                            {"area":[0.6,0.6,0.3,0.3],"spread":"one"},
                                            {"area":[0.65,0.5,0.3,0.3],"spread":"one"}]})"));

struct Inset : testing::Test {
  static std::shared_ptr<const LayoutCatalog> layouts() {
    auto catalog = std::make_shared<LayoutCatalog>();
    catalog->add(shipped("picture-in-picture"));
    return catalog;
  }
  static RoomConfig config() { return {.name = "demo", .layout = "picture-in-picture"}; }
  /// Below the inset's upper left corner, outside of its roundness.
  static Yuv corner(const Meeting& meeting) { return pixel(meeting.seen(0), 936, 504); }
};

TEST_F(Inset, its_corners_show_what_lies_below) {
  Meeting meeting(2, config(), layouts());
  meeting.room.watch(1, without(0));
  meeting.show_all();
  show_picture("inset", meeting.seen(0));
  EXPECT_TRUE(near(pixel(meeting.seen(0), 1090, 590), kGreen)) << "the inset";
  EXPECT_TRUE(near(corner(meeting), kRed)) << "its corner";
  for (int i = 0; i < 10; ++i) {
    meeting.show(1 + i % 2);
    meeting.tick();
    EXPECT_TRUE(near(corner(meeting), kRed)) << i;
  }
}

TEST_F(Inset, painting_it_or_what_lies_below_again_changes_nothing) {
  for (const bool speaks : {false, true}) {
    Meeting once(2, config(), layouts()), often(2, config(), layouts());
    for (Meeting* meeting : {&once, &often}) {
      meeting->room.watch(1, without(0));
      meeting->room.core.set_pinned(1, true);
      meeting->room.speak(2, speaks);
      meeting->show_all(1);
      meeting->tick(3);
    }
    for (int i = 0; i < 12; ++i) {
      often.show(i % 3 == 0 ? 1 : 2);
      often.tick();
    }
    EXPECT_TRUE(same_pixels(once.seen(0), often.seen(0))) << speaks;
    often.room.speak(2, !speaks);
    often.tick(60);
    EXPECT_FALSE(same_pixels(once.seen(0), often.seen(0))) << "the ring";
    often.room.speak(2, speaks);
    often.tick(3);
    EXPECT_TRUE(same_pixels(once.seen(0), often.seen(0))) << "nothing of the ring is left behind";
  }
}

}  // namespace
}  // namespace partyline::mixer
