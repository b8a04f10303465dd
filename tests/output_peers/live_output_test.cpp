// The live output against real files and a real RTMP server; what was written is judged by ffprobe and ffmpeg.
#include "gateway/outputs/live_output.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <future>
#include <iterator>
#include <mutex>
#include <thread>

#include "tests/output_peers/support/clip.hpp"
#include "tests/output_peers/support/rtmp_server.hpp"
#include "tests/output_peers/support/waiting.hpp"

namespace partyline::gateway {
namespace {

using namespace std::chrono_literals;

/// Holds whoever asks it for a keyframe.
struct Trap final : core::MediaFeedback {
  void request_keyframe() override {
    ++caught;
    way_out.wait();
  }
  void set_target_bitrate(core::Bitrate) override {}
  std::atomic<int> caught{0};
  std::promise<void> open;
  std::shared_future<void> way_out = open.get_future().share();
};

class LiveOutputTest : public ::testing::Test {
 protected:
  void SetUp() override {
    static const std::optional<Clip> made = make_clip();
    if (!made) GTEST_SKIP() << "no ffmpeg here to make a clip with";
    clip = *made;
    folder = (std::filesystem::temp_directory_path() / fmt::format("partyline-live-{}", getpid())).string();
    std::filesystem::create_directories(folder);
    config.file_directory = folder;
    config.log_context = "room=test output=1";
    config.muxer.frames_per_second = 25;
    config.muxer.write_deadline = 1s;
    config.retry = {.first = 200ms, .longest = 400ms, .proven = 10s};
    runner = std::thread([this] { context.run(); });
  }

  void TearDown() override {
    player.reset();
    output.reset();
    guard.reset();
    if (runner.joinable()) runner.join();
    if (!folder.empty()) std::filesystem::remove_all(folder);
  }

  void start(const std::string& url) {
    config.url = url;
    auto made = LiveOutput::create(config, context.get_executor(), [this](const OutputStatus& status) {
      const std::lock_guard lock(mutex);
      seen += std::string(to_string(status.state)) + " ";
    });
    ASSERT_TRUE(made) << made.error().message;
    output = std::move(*made);
    output->set_feedback(wishes);
  }

  void play(size_t filler = 0) {
    player = std::make_unique<ClipPlayer>(clip, output->audio_sink(), output->video_sink(), filler);
  }

  /// Polls the status; a generous bound, because the machine may be busy.
  template <class Condition>
  bool within(core::Duration time, Condition condition) {
    return eventually(time, [&] { return condition(output->status()); });
  }
  bool becomes(OutputState state, core::Duration time = 15s) {
    return within(time, [state](const OutputStatus& status) { return status.state == state; });
  }
  static std::string probe(const std::string& what, const std::string& source) {
    std::string text;
    EXPECT_TRUE(run_program("ffprobe -v error -of csv=p=0 " + what + " '" + source + "'", 20, text)) << text;
    return text;
  }
  static void expect_both_streams(const std::string& source) {
    EXPECT_EQ(probe("-select_streams v -show_entries stream=codec_name,profile,width,height", source),
              "h264,Constrained Baseline,320,240\n");
    EXPECT_EQ(probe("-select_streams a -show_entries stream=codec_name,profile,sample_rate,channels", source),
              "aac,LC,48000,2\n");
  }
  std::string states() {
    const std::lock_guard lock(mutex);
    return seen;
  }

  Clip clip;
  std::string folder;
  LiveOutputConfig config;
  boost::asio::io_context context;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard{context.get_executor()};
  std::thread runner;
  std::mutex mutex;
  std::string seen;
  std::shared_ptr<Wishes> wishes = std::make_shared<Wishes>();
  std::unique_ptr<LiveOutput> output;
  std::unique_ptr<ClipPlayer> player;
};

TEST_F(LiveOutputTest, files_of_each_type_hold_what_was_pushed) {
  for (const std::string type : {"flv", "mkv", "mp4"}) {
    SCOPED_TRACE(type);
    start("file:talk." + type);
    ASSERT_TRUE(within(10s, [&](const OutputStatus&) { return wishes->keyframes > 0; }));
    const auto zero = core::Clock::now();
    for (int64_t n = 0; n < 3; ++n) {
      for (auto& frame : round_of(clip, n, zero)) {
        // Sound is captured 80 ms later than the first picture, and has to stay so.
        if (frame.codec == core::Codec::aac) frame.capture += 80ms;
        (frame.codec == core::Codec::aac ? output->audio_sink() : output->video_sink())->push(frame);
      }
    }
    ASSERT_TRUE(within(10s, [](const OutputStatus& status) { return status.frames == 3 * (24 + 45); }));
    output->stop();
    ASSERT_TRUE(becomes(OutputState::stopped));
    const std::string path = folder + "/talk." + type;
    expect_both_streams(path);
    EXPECT_EQ(probe("-select_streams v -count_packets -show_entries stream=nb_read_packets", path), "72\n");
    EXPECT_EQ(probe("-select_streams a -count_packets -show_entries stream=nb_read_packets", path), "135\n");
    EXPECT_NEAR(std::stod(probe("-select_streams a -read_intervals %+#1 -show_entries packet=pts_time", path)), 0.08,
                0.002);
    std::string complaints;
    EXPECT_TRUE(run_program("ffmpeg -v error -xerror -i " + path + " -f null -", 20, complaints));
    EXPECT_EQ(complaints, "");
    output.reset();
    wishes->keyframes = 0;
  }
  EXPECT_EQ(states(), "live stopped live stopped live stopped ");
}

TEST_F(LiveOutputTest, without_a_keyframe_it_says_so) {
  config.keyframe_deadline = 300ms;
  start("file:none.mkv");
  ASSERT_TRUE(becomes(OutputState::waiting));
  EXPECT_NE(output->status().error.find("no keyframe"), std::string::npos);
  EXPECT_GE(wishes->keyframes, 1);  // although the feedback was set after the start
  EXPECT_TRUE(std::filesystem::is_empty(folder)) << "no empty file is left";
}

TEST_F(LiveOutputTest, two_recordings_of_one_name_are_two_files) {
  start("file:talk.mkv");
  auto second = LiveOutput::create(config, context.get_executor(), {});
  ASSERT_TRUE(second);
  ASSERT_TRUE(eventually(10s, [&] { return std::distance(std::filesystem::directory_iterator(folder), {}) == 2; }));
  EXPECT_TRUE(std::filesystem::exists(folder + "/talk.mkv"));
  EXPECT_TRUE(std::filesystem::exists(folder + "/talk-2.mkv"));
  play();
  ClipPlayer other(clip, (*second)->audio_sink(), (*second)->video_sink(), 0);
  ASSERT_TRUE(eventually(10s, [&] { return !output->status().files.empty() && !(*second)->status().files.empty(); }));
  EXPECT_NE(output->status().files, (*second)->status().files) << "and each says which is its own";
}

// A name look-up or a dead disk may hold a thread for minutes: however many there are, their ends are waited for at the
// same time.
TEST_F(LiveOutputTest, outputs_that_were_stopped_together_are_waited_for_together) {
  const auto trap = std::make_shared<Trap>();
  std::vector<std::unique_ptr<LiveOutput>> stuck;
  for (int i = 0; i < 5; ++i) {
    config.url = fmt::format("file:stuck-{}.mkv", i);
    auto made = LiveOutput::create(config, context.get_executor(), {});
    ASSERT_TRUE(made);
    (*made)->set_feedback(trap);
    stuck.push_back(std::move(*made));
  }
  ASSERT_TRUE(eventually(15s, [&] { return trap->caught == 5; }));
  for (const auto& one : stuck) one->stop();
  const auto before = core::Clock::now();
  stuck.clear();
  EXPECT_LT(core::Clock::now() - before, 5s) << "one after the other they take seven and a half";
  trap->open.set_value();
  EXPECT_TRUE(eventually(15s, [&] { return std::filesystem::is_empty(folder); })) << "each takes its file along";
}

TEST_F(LiveOutputTest, nobody_listening_is_told_in_words_and_without_the_key) {
  start("rtmp://127.0.0.1:1/open/verysecret");
  ASSERT_TRUE(becomes(OutputState::waiting));
  const std::string error = output->status().error;
  EXPECT_NE(error.find("Connection refused"), std::string::npos) << error;
  EXPECT_EQ(error.find("verysecret"), std::string::npos) << error;
  EXPECT_EQ(output->shown_url(), "rtmp://127.0.0.1:1/open/***");
}

class RtmpOutputTest : public LiveOutputTest {
 protected:
  void SetUp() override {
    if (!RtmpServer::installed()) GTEST_SKIP() << "nginx with its rtmp and stream modules is not installed";
    LiveOutputTest::SetUp();
    if (IsSkipped()) return;
    server = std::make_unique<RtmpServer>();
    ASSERT_TRUE(server->start());
  }
  void TearDown() override {
    LiveOutputTest::TearDown();
    server.reset();
  }

  /// Viewers see a picture and hear sound, without errors, from the first keyframe on.
  void expect_viewable(const std::string& url) {
    const std::string seen_by_viewer = folder + "/viewer.mkv";
    std::string text;
    ASSERT_TRUE(run_program("ffmpeg -y -v error -i '" + url + "' -t 2 -c copy " + seen_by_viewer, 30, text)) << text;
    expect_both_streams(seen_by_viewer);
    EXPECT_GE(std::stoi(probe("-select_streams v -count_frames -show_entries stream=nb_read_frames", seen_by_viewer)),
              25);
  }

  std::unique_ptr<RtmpServer> server;
};

TEST_F(RtmpOutputTest, a_viewer_sees_and_hears_the_mix) {
  start(server->url("open", "mix"));
  play();
  ASSERT_TRUE(becomes(OutputState::live));
  expect_viewable(server->url("open", "mix"));
  EXPECT_EQ(output->status().dropped, 0U);
  EXPECT_EQ(output->status().error, "");
}

TEST_F(RtmpOutputTest, it_comes_back_after_the_server_was_killed) {
  start(server->url("open", "mix"));
  play();
  ASSERT_TRUE(becomes(OutputState::live));
  server->kill();
  ASSERT_TRUE(becomes(OutputState::waiting));
  EXPECT_FALSE(output->status().error.empty());
  ASSERT_TRUE(server->start());
  ASSERT_TRUE(becomes(OutputState::live));
  EXPECT_EQ(output->status().reconnects, 1U);
  EXPECT_GE(wishes->keyframes, 2);
  expect_viewable(server->url("open", "mix"));
}

TEST_F(RtmpOutputTest, a_stalled_server_never_blocks_the_mixer) {
  start(server->url("open", "mix"));
  play(400'000);
  ASSERT_TRUE(becomes(OutputState::live));
  server->freeze();
  const bool noticed = becomes(OutputState::waiting, 30s);
  const std::string error = output->status().error;
  server->thaw();
  ASSERT_TRUE(noticed);
  EXPECT_NE(error.find("the server took too long"), std::string::npos) << error;
  EXPECT_LT(player->longest_push(), 900ms);  // a write blocks for a second; the rest is a busy scheduler
  EXPECT_TRUE(becomes(OutputState::live));
}

TEST_F(RtmpOutputTest, a_server_that_accepts_and_says_nothing_is_given_up) {
  config.muxer.connect_deadline = 500ms;
  server->freeze();
  start(server->url("open", "mix"));
  play();
  const bool given_up = becomes(OutputState::waiting);
  const std::string error = output->status().error;
  server->thaw();
  ASSERT_TRUE(given_up);
  EXPECT_EQ(error, "cannot connect: the server took too long");
  EXPECT_TRUE(becomes(OutputState::live));
}

TEST_F(LiveOutputTest, sound_alone_is_a_stream_too) {
  config.muxer.video = false;
  start("file:sound.mkv");
  play();
  ASSERT_TRUE(within(10s, [](const OutputStatus& status) { return status.frames >= 40; }));
  output->stop();
  ASSERT_TRUE(becomes(OutputState::stopped));
  EXPECT_EQ(probe("-show_entries stream=codec_name", folder + "/sound.mkv"), "aac\n");
  EXPECT_EQ(wishes->keyframes, 0);
}

TEST_F(LiveOutputTest, srt_carries_the_mix_too) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "libsrt's own threads race in its destructors";
#endif
  const std::string path = folder + "/srt.mkv";
  const int port = free_port();
  bool received = false;
  std::string text;
  std::thread viewer([&] {
    received = run_program(
        fmt::format("ffmpeg -y -v error -i 'srt://127.0.0.1:{}?mode=listener' -t 2 -c copy {}", port, path), 30, text);
  });
  start(fmt::format("srt://127.0.0.1:{}?streamid=mix", port));
  play();
  const bool live = becomes(OutputState::live);
  viewer.join();
  ASSERT_TRUE(live) << output->status().error;
  ASSERT_TRUE(received) << text;
  expect_both_streams(path);
}

TEST_F(RtmpOutputTest, stop_ends_at_once_even_when_the_server_has_stalled) {
  config.muxer.write_deadline = 60s;
  start(server->url("open", "mix"));
  play(400'000);
  ASSERT_TRUE(becomes(OutputState::live));
  server->freeze();
  const uint64_t dropped = output->status().dropped;
  ASSERT_TRUE(within(15s, [&](const OutputStatus& status) { return status.dropped > dropped; }))
      << "the queue is never full";
  const auto before = core::Clock::now();
  output.reset();
  EXPECT_LT(core::Clock::now() - before, 4s);
  server->thaw();
}

TEST_F(RtmpOutputTest, a_refused_publication_is_retried) {
  start(server->url("closed", "mix"));
  play();
  ASSERT_TRUE(becomes(OutputState::waiting));
  EXPECT_FALSE(output->status().error.empty());
  ASSERT_TRUE(within(10s, [this](const OutputStatus&) {
    const std::string all = states();
    return all.find("waiting connecting waiting") != std::string::npos ||
           all.find("waiting connecting live waiting") != std::string::npos;
  })) << states();
}

TEST_F(RtmpOutputTest, tls_is_verified_unless_told_otherwise) {
  start(server->tls_url("open", "mix"));
  play();
  ASSERT_TRUE(becomes(OutputState::waiting));
  const std::string error = output->status().error;
  EXPECT_NE(error.find("certificate"), std::string::npos) << error;
  player.reset();

  config.muxer.ca_file = server->certificate();
  start(server->tls_url("open", "mix"));
  play();
  ASSERT_TRUE(becomes(OutputState::live)) << output->status().error;
  expect_viewable(server->url("open", "mix"));
}

}  // namespace
}  // namespace partyline::gateway
