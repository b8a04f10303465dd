// What a leg sends, recorded as it comes: the files are read back by ffprobe and ffmpeg.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <sstream>

#include "gateway/outputs/live_output.hpp"
#include "tests/output_peers/support/call_frames.hpp"
#include "tests/output_peers/support/rtmp_server.hpp"
#include "tests/output_peers/support/waiting.hpp"

namespace partyline::gateway {
namespace {

using core::Codec;
using namespace std::chrono_literals;

class LegRecordingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (call_sound(Codec::pcmu, zero).empty()) GTEST_SKIP() << "no ffmpeg here to make a call with";
    folder = (std::filesystem::temp_directory_path() / fmt::format("partyline-leg-{}", getpid())).string();
    std::filesystem::create_directories(folder);
    LiveOutputConfig config;
    config.url = "file:leg.mkv";
    config.file_directory = folder;
    config.received = true;
    config.muxer.frames_per_second = 0;
    config.queue.frames = 1000;  // pushed faster than any call
    auto made = LiveOutput::create(std::move(config), context.get_executor(),
                                   [this](const OutputStatus& status) { told.push_back(status.files.size()); });
    ASSERT_TRUE(made) << made.error().message;
    output = std::move(*made);
    output->set_feedback(wishes);
    // It asks for a keyframe when its queue is open.
    ASSERT_TRUE(eventually(10s, [this] { return wishes->keyframes > 0; }));
  }
  void TearDown() override {
    output.reset();
    if (!folder.empty()) std::filesystem::remove_all(folder);
  }

  void push(std::vector<core::EncodedFrame> frames) {
    for (auto& frame : frames) {
      frame.arrival = core::Clock::now();
      output->sink()->push(frame);
    }
  }
  void wait_written(uint64_t frames) {
    eventually(10s, [&] { return output->status().frames >= frames; });
    ASSERT_EQ(output->status().frames, frames);
  }
  void end() {
    output->stop();
    eventually(10s, [this] { return output->status().state == OutputState::stopped; });
    EXPECT_EQ(output->status().state, OutputState::stopped) << output->status().error;
  }

  static std::string run(const std::string& command) {
    std::string text;
    EXPECT_TRUE(run_program(command, 20, text)) << text;
    return text;
  }
  std::string path(const std::string& name) const { return folder + "/" + name; }
  /// "pcm_mulaw,8000,1" or "h264,320,240"; empty without such a stream.
  std::string codec(const std::string& name, char kind) const {
    return run(fmt::format("ffprobe -v error -select_streams {} -show_entries stream=codec_name,{} -of csv=p=0 {}",
                           kind, kind == 'a' ? "sample_rate,channels" : "width,height", path(name)));
  }
  std::vector<double> times(const std::string& name, char kind) const {
    std::istringstream lines(run(fmt::format(
        "ffprobe -v error -select_streams {} -show_entries packet=pts_time -of csv=p=0 {}", kind, path(name))));
    std::vector<double> result;
    for (std::string line; std::getline(lines, line);) result.push_back(std::stod(line));
    return result;
  }
  /// Whole, playable, each stamp `step` seconds after the one before it.
  void expect_steady(const std::string& name, char kind, size_t count, double begin, double step) const {
    const auto stamps = times(name, kind);
    ASSERT_EQ(stamps.size(), count);
    for (size_t i = 0; i < count; ++i)
      EXPECT_NEAR(stamps[i], begin + static_cast<double>(i) * step, 0.0011) << kind << i;
  }
  void expect_decodable(const std::string& name) const {
    EXPECT_EQ(run("ffmpeg -v error -xerror -i " + path(name) + " -f null -"), "");
  }

  const core::TimePoint zero{core::TimePoint{} + 500s};
  std::string folder;
  boost::asio::io_context context;
  std::shared_ptr<Wishes> wishes = std::make_shared<Wishes>();
  std::unique_ptr<LiveOutput> output;
  std::vector<size_t> told;  // files, at each change
};

struct Pair {
  Codec sound, picture;
  std::string sound_is, picture_is;
};
class LegCodecsTest : public LegRecordingTest, public ::testing::WithParamInterface<Pair> {};

TEST_P(LegCodecsTest, the_file_holds_what_was_sent_and_when) {
  const Pair& pair = GetParam();
  // The picture is captured 120 ms later than the first sound.
  push(merged(call_sound(pair.sound, zero), call_pictures(pair.picture, zero + 120ms)));
  end();
  EXPECT_EQ(codec("leg.mkv", 'a'), pair.sound_is);
  EXPECT_EQ(codec("leg.mkv", 'v'), pair.picture_is);
  expect_steady("leg.mkv", 'a', 100, 0, 0.02);
  expect_steady("leg.mkv", 'v', 50, 0.12, 0.04);
  expect_decodable("leg.mkv");
  EXPECT_EQ(output->status().frames, 150U);
  const double seconds =
      std::stod(run("ffprobe -v error -show_entries format=duration -of csv=p=0 " + path("leg.mkv")));
  EXPECT_NEAR(seconds, 2.1, 0.06);
}

INSTANTIATE_TEST_SUITE_P(Codecs, LegCodecsTest,
                         ::testing::Values(Pair{Codec::opus, Codec::h264, "opus,48000,2\n", "h264,320,240\n"},
                                           Pair{Codec::g722, Codec::vp8, "adpcm_g722,16000,1\n", "vp8,320,240\n"},
                                           Pair{Codec::pcmu, Codec::h264, "pcm_mulaw,8000,1\n", "h264,320,240\n"},
                                           Pair{Codec::pcma, Codec::vp8, "pcm_alaw,8000,1\n", "vp8,320,240\n"}));

TEST_F(LegRecordingTest, a_voice_alone_is_a_file_however_short) {
  auto sound = call_sound(Codec::pcmu, zero);
  sound.resize(25);
  push(sound);
  end();
  EXPECT_EQ(codec("leg.mkv", 'a'), "pcm_mulaw,8000,1\n");
  EXPECT_EQ(codec("leg.mkv", 'v'), "");
  expect_steady("leg.mkv", 'a', 25, 0, 0.02);
  const double seconds =
      std::stod(run("ffprobe -v error -show_entries format=duration -of csv=p=0 " + path("leg.mkv")));
  EXPECT_NEAR(seconds, 0.5, 0.002);
}

TEST_F(LegRecordingTest, what_came_in_disorder_is_written_in_order_once) {
  const auto sound = call_sound(Codec::g722, zero);
  std::vector<core::EncodedFrame> arrived{sound[0]};
  for (size_t i = 1; i + 1 < sound.size(); i += 2) arrived.insert(arrived.end(), {sound[i + 1], sound[i], sound[i]});
  arrived.push_back(sound.back());
  push(arrived);
  end();
  expect_steady("leg.mkv", 'a', 100, 0, 0.02);
  expect_decodable("leg.mkv");
}

TEST_F(LegRecordingTest, a_pause_stays_as_long_as_it_was) {
  auto sound = call_sound(Codec::opus, zero);
  sound.erase(sound.begin() + 30, sound.begin() + 80);
  for (size_t i = 30; i < sound.size(); ++i) sound[i].sequence -= 50;  // nothing was sent meanwhile
  push(merged(sound, call_pictures(Codec::h264, zero)));
  end();
  const auto stamps = times("leg.mkv", 'a');
  ASSERT_EQ(stamps.size(), 50U);
  EXPECT_NEAR(stamps[30] - stamps[29], 51 * 0.02, 0.0011);
}

TEST_F(LegRecordingTest, another_codec_begins_another_file) {
  push(merged(call_sound(Codec::pcmu, zero), call_pictures(Codec::h264, zero)));
  push(merged(call_sound(Codec::g722, zero + 2s, 4100), call_pictures(Codec::h264, zero + 2s)));
  wait_written(300);
  end();
  EXPECT_EQ(codec("leg.mkv", 'a'), "pcm_mulaw,8000,1\n");
  EXPECT_EQ(codec("leg-2.mkv", 'a'), "adpcm_g722,16000,1\n");
  EXPECT_EQ(codec("leg-2.mkv", 'v'), "h264,320,240\n");
  expect_steady("leg-2.mkv", 'a', 100, 0, 0.02);
  expect_decodable("leg.mkv");
  expect_decodable("leg-2.mkv");
}

TEST_F(LegRecordingTest, a_camera_that_comes_later_begins_another_file) {
  push(call_sound(Codec::opus, zero));
  eventually(10s, [this] { return output->status().state == OutputState::live; });
  ASSERT_EQ(output->status().state, OutputState::live) << "a voice alone is written after two seconds";
  push(merged(call_sound(Codec::opus, zero + 2s, 4100), call_pictures(Codec::vp8, zero + 2s)));
  wait_written(250);
  end();
  EXPECT_EQ(codec("leg.mkv", 'v'), "");
  EXPECT_EQ(codec("leg-2.mkv", 'v'), "vp8,320,240\n");
  expect_steady("leg-2.mkv", 'v', 50, times("leg-2.mkv", 'v').at(0), 0.04);
  EXPECT_NEAR(times("leg-2.mkv", 'v').at(0), times("leg-2.mkv", 'a').at(0), 0.021);
}

TEST_F(LegRecordingTest, each_file_is_told_when_it_begins) {
  push(call_sound(Codec::pcmu, zero));
  push(call_sound(Codec::g722, zero + 2s, 4100));
  wait_written(200);
  EXPECT_EQ(output->status().files, (std::vector<std::string>{path("leg.mkv"), path("leg-2.mkv")}));
  context.poll();
  EXPECT_EQ(told, (std::vector<size_t>{1, 2})) << "live, then another file";
  end();
}

TEST_F(LegRecordingTest, another_codec_just_before_the_end_is_written) {
  push(call_sound(Codec::pcmu, zero));
  push(call_sound(Codec::g722, zero + 2s, 4100));
  push(call_sound(Codec::opus, zero + 4s, 4200));
  end();
  EXPECT_EQ(output->status().frames, 300U);
  EXPECT_EQ(codec("leg-2.mkv", 'a'), "adpcm_g722,16000,1\n");
  expect_steady("leg-3.mkv", 'a', 100, 0, 0.02);
}

// A stranger who changes his codec with each packet gets no file and no claimed name for each.
TEST_F(LegRecordingTest, who_alternates_between_codecs_gets_few_files) {
  auto one = call_sound(Codec::pcmu, zero), other = call_sound(Codec::pcma, zero);
  for (size_t i = 0; i < one.size(); ++i) push({i % 2 == 0 ? one[i] : other[i]});
  end();
  EXPECT_LE(std::distance(std::filesystem::directory_iterator(folder), {}), 4);
  EXPECT_LE(output->status().files.size(), 4U);
  EXPECT_GE(output->status().frames, 40U) << "half of it fits";
}

TEST_F(LegRecordingTest, who_sends_nothing_leaves_no_file) {
  end();
  EXPECT_FALSE(std::filesystem::exists(path("leg.mkv")));
}

}  // namespace
}  // namespace partyline::gateway
