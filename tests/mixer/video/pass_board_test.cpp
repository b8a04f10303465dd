// Who gets whose pictures as they are, and how they come back into the mix, in virtual time.
#include "mixer/video/pass_board.hpp"

#include <gtest/gtest.h>

#include <set>

#include "tests/mixer/video/video_test_support.hpp"

namespace partyline::mixer {
namespace {

using namespace test;

constexpr VideoRendition kPhone{core::Codec::h264, {640, 360}, 30, core::Bitrate::kbps(1000), 0};

RoomConfig automatic() {
  RoomConfig config;
  config.layout = "auto";
  return config;
}

/// A room whose members have cameras, and whose outputs are told apart by what they show.
struct Conference {
  Conference() : board(room.core, [this](uint64_t member) { ++asked[member]; }) {}
  Room room{automatic()};
  PassBoard board;
  std::map<uint64_t, int> asked;
  std::set<uint64_t> deaf;          // to wishes for a keyframe
  std::set<uint64_t> off;           // cameras that are, without a word
  std::map<uint64_t, bool> passed;  // the last frame
  std::map<uint64_t, std::shared_ptr<ScriptedFeed>> feeds;
  std::map<uint64_t, std::unique_ptr<Camera>> cameras;
  std::map<uint64_t, Yuv> colours;
  std::map<OutputId, std::shared_ptr<KeepingSink>> seen;

  void join(uint64_t member, Yuv colour) {
    feeds[member] = room.join(member, "");
    cameras[member] = std::make_unique<Camera>(core::VideoSize{640, 360});
    colours[member] = colour;
    board.replan(room.now);
  }
  void leave(uint64_t member) {
    room.core.remove_tile(member, room.now);
    feeds.erase(member);
    cameras.erase(member);
    board.replan(room.now);
  }
  void watch(OutputId id, std::optional<uint64_t> member, bool allowed = true, VideoOutputTraits traits = {},
             VideoRendition rendition = kPhone) {
    seen[id] = std::make_shared<KeepingSink>();
    auto valve = std::make_shared<VideoValve>(seen[id]);
    auto gate = std::make_shared<OutputGate>(valve);
    board.add(id, rendition, gate, valve, traits, room.now);
    if (allowed) board.allow(id, member, {}, room.now);
    board.replan(room.now);
  }
  /// A camera gives a keyframe when it is asked.
  void step() {
    for (auto& [member, camera] : cameras) {
      if (off.contains(member)) continue;
      const bool keyframe = std::exchange(asked[member], 0) > 0 && !deaf.contains(member);
      const I420Image image = solid({640, 360}, colours[member]);
      core::EncodedFrame frame = camera->take(image.view(), keyframe, room.now);
      frame.rtp_time = static_cast<int64_t>(member) * 1'000'000'000 + (room.now - at(0ms)) / 1us * 9 / 100;
      feeds[member]->sent = room.now;
      if (feeds[member]->wanted) feeds[member]->next = image.picture();
      passed[member] = board.route(member, frame, room.now);
    }
    board.replan(room.now);
    if (room.core.active() || board.warming()) {
      room.tick();
      if (board.warming()) board.settle(room.now);
    } else {
      room.core.rest(room.now);
      room.now += 33ms;
    }
    board.replan(room.now);
  }
  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
  }
  /// Red and blue, who soon see each other and nothing else.
  void begin() {
    join(1, kRed);
    watch(11, 1);
    join(2, kBlue);
    watch(12, 2);
    run(30);
  }
  Yuv centre(OutputId id) {
    const auto picture = decode_last(seen[id]->frames);
    return picture ? pixel(picture->view, 320, 180) : Yuv{};
  }
  Yuv left(OutputId id) {
    const auto picture = decode_last(seen[id]->frames);
    return picture ? pixel(picture->view, 100, 180) : Yuv{};
  }
};

TEST(PassBoard, two_members_see_each_other_and_nothing_is_decoded_or_encoded) {
  Conference call;
  call.begin();
  EXPECT_EQ(call.board.passing(), 2);
  EXPECT_FALSE(call.room.core.active());
  EXPECT_FALSE(call.feeds[1]->wanted);
  EXPECT_FALSE(call.feeds[2]->wanted);
  const auto before = call.room.core.totals()->frames.load();
  call.run(30);
  EXPECT_EQ(call.room.core.totals()->frames.load(), before);
  EXPECT_TRUE(near(call.centre(11), kBlue));
  EXPECT_TRUE(near(call.centre(12), kRed));
  EXPECT_TRUE(call.passed[1]);
  EXPECT_TRUE(call.passed[2]);
}

TEST(PassBoard, a_third_member_makes_it_a_mix_without_a_gap_and_his_leaving_undoes_it) {
  Conference call;
  call.begin();
  call.join(3, kGreen);
  call.watch(13, 3);
  call.run(60);
  EXPECT_EQ(call.board.passing(), 0);
  EXPECT_TRUE(near(call.left(11), call.left(13)));
  EXPECT_FALSE(call.passed[1]) << "nobody gets it as it is";
  call.leave(3);
  call.room.core.remove_output(13);
  call.board.remove(13);
  call.run(60);
  EXPECT_EQ(call.board.passing(), 2);
  for (const OutputId id : {OutputId{11}, OutputId{12}}) {
    const auto& frames = call.seen[id]->frames;
    for (size_t i = 1; i < frames.size(); ++i) {
      const int64_t step = frames[i].rtp_time - frames[i - 1].rtp_time;
      EXPECT_GE(step, 900) << id << " frame " << i;
      EXPECT_LE(step, 4 * 3000) << id << " frame " << i << ": nothing is missing";
    }
  }
}

TEST(PassBoard, the_mix_is_shown_again_only_when_there_are_pictures_in_it) {
  Conference call;
  call.begin();
  call.seen[11]->frames.clear();
  const size_t passed_until = call.seen[12]->frames.size();
  ASSERT_GT(passed_until, 0u);
  call.join(3, kGreen);
  call.run(60);
  // The first picture of the mix is a keyframe that already shows somebody.
  const auto& frames = call.seen[11]->frames;
  for (size_t i = 0; i < frames.size(); ++i) {
    if (!frames[i].keyframe) continue;
    const auto first = decode_last({frames[i]});
    ASSERT_TRUE(first);
    EXPECT_FALSE(near(pixel(first->view, 160, 90), to_yuv(kTileBackground)));
    break;
  }
}

/// The first picture that a receiver got.
Yuv first_at(const KeepingSink& sink, int x, int y) {
  const auto picture = decode_last({sink.frames.front()});
  return picture ? pixel(picture->view, x, y) : Yuv{};
}

TEST(PassBoard, who_sees_something_already_gets_another_mix_when_there_are_pictures_in_it) {
  for (const bool may_wait : {false, true}) {
    Conference call;
    call.begin();
    call.watch(21, std::nullopt, false, {.may_wait = may_wait}, {core::Codec::h264, {640, 360}, 15});
    EXPECT_EQ(call.room.core.active(), !may_wait);
    call.run(4);
    ASSERT_FALSE(call.seen[21]->frames.empty());
    EXPECT_EQ(near(first_at(*call.seen[21], 100, 180), kRed), may_wait) << "else it flashes";
  }
}

TEST(PassBoard, who_waits_for_a_mix_without_pictures_waits_for_so_long_only) {
  Conference call;
  call.join(1, kRed);
  call.cameras.clear();
  call.watch(21, std::nullopt, false, {.may_wait = true});
  call.run(8);
  EXPECT_FALSE(call.room.core.active());
  EXPECT_TRUE(call.board.will_mix());
  call.run(8);
  EXPECT_TRUE(call.room.core.active()) << "half a second has passed";
  EXPECT_EQ(call.board.outputs(), 1);
}

// Its only frame must not be one of grey cells.
TEST(PassBoard, a_still_waits_for_pictures_and_letters_and_keeps_nobody_from_passing) {
  Conference call;
  call.begin();
  call.watch(31, std::nullopt, false, {.may_wait = true}, {core::Codec::jpeg, {640, 360}, 30});
  EXPECT_FALSE(call.board.will_mix()) << "sound goes on as it does";
  for (int i = 0; i < 20 && call.seen[31]->frames.empty(); ++i) call.step();
  EXPECT_EQ(call.board.passing(), 2);
  ASSERT_EQ(call.seen[31]->frames.size(), 1u);
  EXPECT_TRUE(near(pixel(call.room.core.canvas().view(), 320, 360), kRed)) << "of that very picture";
  EXPECT_TRUE(near(pixel(call.room.core.canvas().view(), 960, 360), kBlue));
  call.board.remove(31);
  call.run(2);
  EXPECT_FALSE(call.room.core.active());
  EXPECT_FALSE(call.feeds[1]->wanted);
}

TEST(PassBoard, a_still_waits_longer_than_others_for_a_picture_that_is_late) {
  Conference call;
  call.join(1, kRed);
  call.cameras.clear();
  call.watch(31, std::nullopt, false, {.may_wait = true}, {core::Codec::jpeg, {640, 360}, 30});
  for (int steps = 0; steps < 25; ++steps) call.step();
  EXPECT_TRUE(call.seen[31]->frames.empty()) << "a second, but no camera yet";
  for (int i = 0; i < 30 && call.seen[31]->frames.empty(); ++i) call.step();
  EXPECT_EQ(call.seen[31]->frames.size(), 1u) << "but not for ever";
}

TEST(PassBoard, a_view_is_painted_before_it_is_seen) {
  Conference call;
  call.join(1, kRed);
  call.join(2, kBlue);
  call.join(3, kGreen);
  VideoRendition own{core::Codec::h264, {640, 360}, 30};
  own.hidden_member = 3;
  call.watch(13, 3, false, {.may_wait = true}, own);
  call.run(4);
  ASSERT_FALSE(call.seen[13]->frames.empty());
  EXPECT_TRUE(near(first_at(*call.seen[13], 100, 180), kRed));
  EXPECT_TRUE(near(first_at(*call.seen[13], 540, 180), kBlue));
}

TEST(PassBoard, whoever_covers_his_camera_is_seen_no_longer_at_once) {
  Conference call;
  call.begin();
  call.room.core.set_video_muted(2, true);
  call.board.replan(call.room.now);
  call.seen[11]->frames.clear();
  call.run(30);
  ASSERT_FALSE(call.seen[11]->frames.empty());
  EXPECT_TRUE(call.seen[11]->frames.front().keyframe) << "of the mix";
  EXPECT_FALSE(near(call.centre(11), kBlue));
  EXPECT_TRUE(near(call.centre(12), kRed)) << "the other way goes on";
}

TEST(PassBoard, whose_camera_goes_off_without_a_word_is_a_name_in_the_mix_and_is_passed_again_when_it_is_on) {
  Conference call;
  call.begin();
  call.off = {2};
  call.run(88);
  EXPECT_EQ(call.board.passing(), 2) << "for three seconds it may be the network";
  call.seen[11]->frames.clear();
  call.run(30);
  EXPECT_EQ(call.board.passing(), 1) << "the other way goes on";
  ASSERT_FALSE(call.seen[11]->frames.empty());
  EXPECT_TRUE(call.seen[11]->frames.front().keyframe) << "of the mix";
  EXPECT_TRUE(near(call.left(11), kRed)) << "himself";
  EXPECT_FALSE(near(first_at(*call.seen[11], 540, 180), kBlue));
  call.off.clear();
  call.run(60);
  EXPECT_EQ(call.board.passing(), 2);
  EXPECT_TRUE(near(call.centre(11), kBlue));
}

TEST(PassBoard, what_else_is_watched_or_wished_keeps_the_mix) {
  const auto passing_after = [](auto change) {
    Conference call;
    call.join(1, kRed);
    call.watch(11, 1);
    call.join(2, kBlue);
    call.watch(12, 2);
    change(call);
    call.run(40);
    return call.board.passing();
  };
  EXPECT_EQ(passing_after([](Conference&) {}), 2);
  EXPECT_EQ(passing_after([](Conference& call) { call.watch(13, {}, false); }), 0) << "a recording";
  EXPECT_EQ(passing_after([](Conference& call) { call.watch(13, {}); }), 0) << "a viewer of the mix";
  EXPECT_EQ(passing_after([](Conference& call) { call.room.core.set_layout("grid"); }), 0) << "a layout by wish";
  EXPECT_EQ(passing_after([](Conference& call) { call.room.join(3, "Ear"); }), 0) << "a third one without a camera";
  EXPECT_EQ(passing_after([](Conference& call) { call.room.core.set_video_expected(1, false); }), 1)
      << "he without a camera sees the other alone";
}

TEST(PassBoard, a_sole_publisher_is_forwarded_to_all_viewers_that_can_take_it) {
  Conference call;
  call.join(1, kRed);
  call.watch(11, {});
  call.watch(12, {});
  call.watch(13, {}, false);
  call.watch(14, 1);
  call.run(30);
  EXPECT_EQ(call.board.passing(), 2) << "not a file, and not himself";
  EXPECT_TRUE(near(call.centre(11), kRed));
  EXPECT_TRUE(near(call.centre(12), kRed));
  EXPECT_TRUE(near(call.centre(13), kRed));
  call.board.request_keyframe(11, call.room.now + 1s);
  EXPECT_EQ(call.asked[1], 1) << "a viewer's wish reaches the publisher";
}

TEST(PassBoard, who_is_passed_is_asked_for_a_whole_screen_whatever_else_is_mixed) {
  Conference call;
  call.join(1, kRed);
  call.join(2, kBlue);
  call.run(2);  // a camera begins with a keyframe
  call.deaf = {2};
  call.watch(11, 1);
  call.watch(12, 2);
  call.run(30);
  ASSERT_EQ(call.board.passing(), 1) << "one way comes later than the other";
  call.deaf.clear();
  call.run(90);
  ASSERT_EQ(call.board.passing(), 2);
  const core::VideoSize whole{1280, 720};
  for (const uint64_t member : {uint64_t{1}, uint64_t{2}}) EXPECT_EQ(call.feeds[member]->shown, whole) << member;
  call.room.watch(20, {core::Codec::jpeg, {640, 360}, 1, {}, 0});  // a still, in which both have a tile
  call.run(60);
  ASSERT_EQ(call.board.passing(), 2);
  for (const uint64_t member : {uint64_t{1}, uint64_t{2}}) EXPECT_EQ(call.feeds[member]->shown, whole) << member;
  call.room.core.remove_output(20);
  call.join(3, kGreen);
  call.watch(13, 3);
  call.run(60);
  ASSERT_EQ(call.board.passing(), 0);
  for (const uint64_t member : {uint64_t{1}, uint64_t{2}})
    EXPECT_LT(call.feeds[member]->shown.width, whole.width) << "a tile";
}

TEST(PassBoard, a_receiver_that_became_another_one_is_sent_nothing_that_it_cannot_decode) {
  Conference call;
  call.begin();
  call.seen[11]->frames.clear();
  call.board.allow(11, 1, {66, 9}, call.room.now);  // of level 0.9: less than any camera sends
  call.run(60);
  ASSERT_FALSE(call.seen[11]->frames.empty());
  EXPECT_TRUE(call.seen[11]->frames.front().keyframe);
  EXPECT_TRUE(near(call.left(11), kRed)) << "the mix, with himself in it";
  EXPECT_EQ(call.board.passing(), 1) << "the other way goes on";
}

TEST(PassBoard, whose_other_has_left_gets_the_mix) {
  Conference call;
  call.join(1, kRed);
  call.watch(11, 1);
  call.join(2, kBlue);
  call.run(30);
  ASSERT_EQ(call.board.passing(), 1);
  call.leave(2);
  call.run(30);
  EXPECT_EQ(call.board.passing(), 0);
  EXPECT_TRUE(near(call.centre(11), kRed)) << "himself, as ever";
}

}  // namespace
}  // namespace partyline::mixer
