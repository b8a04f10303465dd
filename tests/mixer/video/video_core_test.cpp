// The room's picture in virtual time: who is shown where, and what is painted.
#include "mixer/video/video_core.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/mixer/video/video_test_support.hpp"

namespace partyline::mixer {
namespace {

using namespace test;

constexpr VideoRendition kSmall{core::Codec::h264, {320, 180}, 30, core::Bitrate::kbps(300), 0};

TEST(VideoCore, each_source_is_seen_in_its_own_cell_after_encoding_and_decoding) {
  for (const core::Codec codec : {core::Codec::h264, core::Codec::vp8}) {
    Room room;
    const auto sink = room.watch(1, {codec, {1280, 720}, 30, core::Bitrate::kbps(4000), 0});
    const std::vector<Yuv> colours{kRed, kGreen, kBlue, kWhite};
    for (uint64_t i = 0; i < 4; ++i) {
      const auto feed = room.join(i, "P" + std::to_string(i));
      feed->next = solid_picture({640, 360}, colours[i]);
    }
    for (int i = 0; i < 3; ++i) room.tick();
    const auto picture = decode_last(sink->frames);
    ASSERT_TRUE(picture);
    ASSERT_EQ(picture->view.size, (core::VideoSize{1280, 720}));
    for (int i = 0; i < 4; ++i) {
      EXPECT_TRUE(near(pixel(picture->view, 320 + 640 * (i % 2), 180 + 360 * (i / 2)), colours[static_cast<size_t>(i)]))
          << i;
    }
  }
}

TEST(VideoCore, sources_of_any_size_fill_their_cell_without_being_stretched) {
  for (const core::VideoSize size : {core::VideoSize{640, 360}, core::VideoSize{176, 144}, core::VideoSize{1920, 1080},
                                     core::VideoSize{50, 34}, core::VideoSize{333, 251}, core::VideoSize{4096, 16}}) {
    Room room;
    room.watch(1);
    const auto feed = room.join(1, "");
    room.join(2, "");
    feed->next = solid_picture(size, kBlue);
    room.tick();
    room.tick();
    EXPECT_TRUE(near(pixel(room.core.canvas().view(), 320, 359), kBlue)) << size.width << "x" << size.height;
  }
}

TEST(VideoCore, a_portrait_source_stands_between_bars) {
  Room room;
  room.watch(1);
  room.join(1, "")->next = solid_picture({360, 640}, kRed);
  room.tick();
  const I420View view = room.core.canvas().view();
  EXPECT_TRUE(near(pixel(view, 640, 360), kRed));
  EXPECT_TRUE(near(pixel(view, 640, 4), kRed)) << "it has the full height";
  EXPECT_TRUE(near(pixel(view, 200, 360), to_yuv(kTileBackground)));
  EXPECT_TRUE(near(pixel(view, 1080, 360), to_yuv(kTileBackground)));
}

TEST(VideoCore, a_change_from_landscape_to_portrait_leaves_nothing_of_the_old_picture) {
  Room room;
  room.watch(1);
  const auto feed = room.join(1, "");
  feed->next = solid_picture({1280, 720}, kGreen);
  room.tick();
  feed->next = solid_picture({360, 640}, kRed);
  room.tick();
  EXPECT_TRUE(near(pixel(room.core.canvas().view(), 200, 360), to_yuv(kTileBackground)));
}

TEST(VideoCore, a_tile_is_painted_only_when_something_about_it_changed) {
  Room room;
  room.watch(1);
  const auto a = room.join(1, "Anna");
  const auto b = room.join(2, "Bert");
  for (int i = 0; i < 5; ++i) room.tick();
  const uint64_t before = room.core.tiles_painted();
  for (int i = 0; i < 10; ++i) room.tick();
  EXPECT_EQ(room.core.tiles_painted(), before);
  a->next = solid_picture({640, 360}, kRed);
  room.tick();
  EXPECT_EQ(room.core.tiles_painted(), before + 1);
  room.core.set_audio_muted(2, true);
  room.tick();  // the new label is being drawn
  room.tick();
  EXPECT_EQ(room.core.tiles_painted(), before + 2);
  room.core.set_self_muted(2, true);
  room.core.set_audio_muted(2, false);
  for (int i = 0; i < 3; ++i) room.tick();
  EXPECT_EQ(room.core.tiles_painted(), before + 2) << "the icon is the same";
  room.speak(1, true);
  room.tick();
  room.tick();
  EXPECT_EQ(room.core.tiles_painted(), before + 3);
}

TEST(VideoCore, a_still_canvas_is_hardly_ever_encoded_and_a_new_picture_at_once) {
  Room room;
  const auto sink = room.watch(1);
  const auto feed = room.join(1, "Anna");
  feed->next = solid_picture({640, 360}, kRed);
  for (int i = 0; i < 60; ++i) room.tick();
  sink->frames.clear();
  for (int i = 0; i < 300; ++i) room.tick();
  EXPECT_LE(sink->frames.size(), 60u) << "a fifth of ten seconds' pictures";
  EXPECT_EQ(std::ranges::count_if(sink->frames, &core::EncodedFrame::keyframe), 5) << "keyframes come as ever";
  for (size_t i = 1; i < sink->frames.size(); ++i)
    EXPECT_LE(sink->frames[i].rtp_time - sink->frames[i - 1].rtp_time, 90 * 440) << "nobody thinks it has died";
  for (int i = 0; i < 20; ++i) {
    feed->next = solid_picture({640, 360}, i % 2 == 0 ? kGreen : kRed);
    const size_t before = sink->frames.size();
    room.tick();
    EXPECT_EQ(sink->frames.size(), before + 1) << "no delay";
  }
  EXPECT_TRUE(near(pixel(decode_last(sink->frames)->view, 640, 360), kRed));
}

TEST(VideoCore, only_what_is_shown_is_wanted_from_its_source) {
  Room room;
  const auto feed = room.join(1, "Anna");
  const auto hidden = std::make_shared<ScriptedFeed>();
  room.core.add_tile(2, "listener", false, hidden);
  room.watch(1, kSmall);
  room.tick();
  EXPECT_TRUE(feed->wanted);
  EXPECT_FALSE(hidden->wanted);
  room.core.set_video_muted(1, true);
  room.tick();
  EXPECT_FALSE(feed->wanted);
  room.core.set_video_muted(1, false);
  room.tick();
  EXPECT_TRUE(feed->wanted);
  room.core.set_video_expected(1, false);
  room.tick();
  EXPECT_FALSE(feed->wanted);
  room.core.set_video_expected(1, true);
  room.tick();
  room.core.remove_output(1);
  EXPECT_FALSE(room.core.active());
  room.core.rest(room.now);
  EXPECT_FALSE(feed->wanted) << "a room without outputs decodes nothing";
  room.watch(2, kSmall);
  room.tick();
  EXPECT_TRUE(feed->wanted);
}

TEST(VideoCore, whom_nobody_looks_at_is_asked_for_next_to_nothing) {
  Room room;
  const auto feed = room.join(1, "");
  EXPECT_EQ(feed->shown, core::VideoSize{}) << "before anybody looks";
  room.watch(1);
  room.tick();
  EXPECT_EQ(feed->shown.width, 1280);
  const auto other = room.join(2, "");
  room.tick();
  EXPECT_EQ(other->shown.width, 640);
  room.core.remove_output(1);
  room.core.show_whole({2});
  room.core.rest(room.now);
  EXPECT_EQ(feed->shown, core::VideoSize{}) << "after everybody has gone";
  EXPECT_EQ(other->shown.width, 1280) << "but its picture is passed to somebody";
}

TEST(VideoCore, a_muted_members_picture_gives_way_to_the_name_tile_and_does_not_come_back_stale) {
  Room room;
  room.watch(1, kSmall);
  const auto feed = room.join(1, "");
  feed->next = solid_picture({1280, 720}, kGreen);
  room.tick();
  EXPECT_TRUE(near(pixel(room.core.canvas().view(), 100, 100), kGreen));
  room.core.set_video_muted(1, true);
  for (int i = 0; i < 3; ++i) room.tick();
  EXPECT_TRUE(near(pixel(room.core.canvas().view(), 100, 100), to_yuv(kTileBackground)));
  room.core.set_video_muted(1, false);
  for (int i = 0; i < 3; ++i) room.tick();
  EXPECT_TRUE(near(pixel(room.core.canvas().view(), 100, 100), to_yuv(kTileBackground)));
}

/// A room of one, whose picture is a name or green.
struct Camera1 {
  Camera1() {
    room.watch(1, kSmall);
    feed = room.join(1, "");
    send();
  }
  void send() {
    feed->next = solid_picture({1280, 720}, kGreen);
    feed->sent = room.now;
    room.tick();
  }
  void wait(core::Duration time) {
    for (const auto end = room.now + time; room.now < end;) room.tick();
  }
  bool is_seen() { return near(pixel(room.core.canvas().view(), 100, 100), kGreen); }
  bool is_a_name() { return near(pixel(room.core.canvas().view(), 100, 100), to_yuv(kTileBackground)); }
  Room room;
  std::shared_ptr<ScriptedFeed> feed;
};

TEST(VideoCore, whose_pictures_stop_without_a_word_is_a_name_until_the_next_one) {
  Camera1 camera;
  camera.wait(2900ms);
  EXPECT_TRUE(camera.is_seen());
  EXPECT_FALSE(camera.room.core.take_switched());
  camera.wait(200ms);
  EXPECT_TRUE(camera.is_a_name());
  EXPECT_TRUE(camera.room.core.take_switched());
  EXPECT_TRUE(camera.feed->wanted) << "it is waited for";
  camera.send();
  EXPECT_TRUE(camera.is_seen());
  EXPECT_TRUE(camera.room.core.take_switched());
}

TEST(VideoCore, says_once_that_a_sender_pauses_be_it_told_or_seen) {
  Room room;
  room.watch(1);
  const auto feed = room.join(1, "Anna"), screen = room.join(2, "Anna · screen");
  room.core.set_presenting(2, true);
  const auto run = [&](core::Duration length, bool sends) {
    for (const core::TimePoint end = room.now + length; room.now < end;) {
      if (sends) feed->sent = screen->sent = room.now;
      room.tick();
    }
  };
  run(5s, true);
  EXPECT_EQ(feed->pauses, 0);
  run(2900ms, false);
  EXPECT_EQ(feed->pauses, 0) << "the network may have had enough of it";
  run(5s, false);
  EXPECT_EQ(feed->pauses, 1);
  EXPECT_EQ(screen->pauses, 1) << "nothing has moved on it";
  run(1s, true);
  run(4s, false);
  EXPECT_EQ(feed->pauses, 2);
  run(1s, true);
  room.core.set_video_expected(1, false);
  EXPECT_EQ(feed->pauses, 3) << "its signalling says so";
  room.core.set_video_expected(1, true);
  room.core.set_video_muted(1, true);
  EXPECT_EQ(feed->pauses, 4);
  room.core.set_video_muted(1, false);
  EXPECT_EQ(feed->pauses, 4);
}

TEST(VideoCore, a_stream_that_waits_for_a_keyframe_is_no_camera_that_is_off) {
  Camera1 camera;
  for (int i = 0; i < 20; ++i) {
    camera.wait(1s);
    camera.feed->sent = camera.room.now;  // packets, and no picture
  }
  EXPECT_TRUE(camera.is_seen());
}

TEST(VideoCore, a_screen_on_which_nothing_changes_stays) {
  Camera1 camera;
  camera.room.core.set_presenting(1, true);
  camera.wait(60s);
  EXPECT_TRUE(camera.is_seen());
}

TEST(VideoCore, who_never_sends_a_picture_is_waited_for_for_three_seconds) {
  for (const bool presenting : {false, true}) {
    Room room;
    room.watch(1, kSmall);
    room.join(1, "")->sent.reset();
    room.core.set_presenting(1, presenting);
    while (room.now < at(2900ms)) room.tick();
    EXPECT_FALSE(room.core.settled());
    while (room.now < at(3100ms)) room.tick();
    EXPECT_TRUE(room.core.settled());
  }
}

TEST(VideoCore, the_26th_member_is_shown_when_it_speaks) {
  Room room;
  room.watch(1, kSmall);
  std::vector<std::shared_ptr<ScriptedFeed>> feeds;
  for (uint64_t i = 0; i < 26; ++i) feeds.push_back(room.join(i, "x"));
  room.tick();
  EXPECT_TRUE(feeds[24]->wanted);
  EXPECT_FALSE(feeds[25]->wanted);
  room.speak(25, true);
  room.tick();
  EXPECT_FALSE(feeds[24]->wanted);
  EXPECT_TRUE(feeds[25]->wanted);
}

TEST(VideoCore, the_speaker_layout_follows_the_speaker) {
  RoomConfig config;
  config.layout = "speaker";
  Room room(config);
  room.watch(1, kSmall);
  const auto a = room.join(1, "");
  const auto b = room.join(2, "");
  a->next = solid_picture({640, 360}, kRed);
  b->next = solid_picture({640, 360}, kBlue);
  room.tick();
  EXPECT_TRUE(near(pixel(room.core.canvas().view(), 640, 200), kRed)) << "who came first until somebody speaks";
  room.speak(2, true);
  room.tick();
  EXPECT_TRUE(near(pixel(room.core.canvas().view(), 640, 200), kBlue));
  EXPECT_TRUE(near(pixel(room.core.canvas().view(), 640, 610), kRed));
  room.core.set_layout("grid");
  room.tick();
  EXPECT_TRUE(near(pixel(room.core.canvas().view(), 320, 360), kRed));
}

TEST(VideoCore, what_lies_above_stays_above_when_what_lies_below_is_painted_anew) {
  auto catalog = std::make_shared<LayoutCatalog>();
  const auto plan = parse_layout(R"({"name":"pip","regions":[{"role":"speaker","spread":"one"},
                                     {"area":[0.75,0.75,0.25,0.25],"spread":"one"}]})");
  ASSERT_TRUE(plan);
  catalog->add(*plan);
  RoomConfig config;
  config.layout = "pip";
  Room room(config, catalog);
  room.watch(1, kSmall);
  const auto large = room.join(1, "");
  const auto small = room.join(2, "");
  large->next = solid_picture({640, 360}, kRed);
  small->next = solid_picture({640, 360}, kBlue);
  room.tick();
  room.tick();
  const auto painted = room.core.tiles_painted();
  large->next = solid_picture({640, 360}, kGreen);
  room.tick();
  EXPECT_TRUE(near(pixel(room.core.canvas().view(), 640, 200), kGreen));
  EXPECT_TRUE(near(pixel(room.core.canvas().view(), 1120, 640), kBlue));
  EXPECT_EQ(room.core.tiles_painted() - painted, 2u) << "both, and nothing more";
  small->next = solid_picture({640, 360}, kRed);
  room.tick();
  EXPECT_TRUE(near(pixel(room.core.canvas().view(), 1120, 640), kRed));
  EXPECT_EQ(room.core.tiles_painted() - painted, 3u) << "the one above alone";
  room.core.set_pinned(2, true);
  small->next = solid_picture({640, 360}, kBlue);
  room.tick();
  EXPECT_TRUE(near(pixel(room.core.canvas().view(), 640, 200), kBlue)) << "pinned: large";
}

TEST(VideoCore, who_leaves_is_gone_from_the_canvas) {
  Room room;
  room.watch(1, kSmall);
  room.join(1, "")->next = solid_picture({640, 360}, kRed);
  room.join(2, "")->next = solid_picture({640, 360}, kBlue);
  room.tick();
  room.core.remove_tile(1, room.now);
  room.tick();
  EXPECT_TRUE(near(pixel(room.core.canvas().view(), 320, 360), kBlue));
  room.core.remove_tile(2, room.now);
  room.tick();
  room.tick();
  for (const int x : {100, 320, 900}) EXPECT_LT(pixel(room.core.canvas().view(), x, 100).y, 60) << "the empty slate";
}

}  // namespace
}  // namespace partyline::mixer
