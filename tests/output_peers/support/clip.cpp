#include "tests/output_peers/support/clip.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "tests/output_peers/support/rtmp_server.hpp"

extern "C" {
#include <libavformat/avformat.h>
}

namespace partyline::gateway {

namespace {

void add_packet(Clip& clip, const AVPacket& packet, const AVStream& stream) {
  core::EncodedFrame frame;
  const bool audio = stream.codecpar->codec_type == AVMEDIA_TYPE_AUDIO;
  frame.codec = audio ? core::Codec::aac : core::Codec::h264;
  std::span<const uint8_t> bytes(packet.data, static_cast<size_t>(packet.size));
  if (audio) bytes = bytes.subspan(7);  // the ADTS header
  frame.buffer = core::Buffer::copy_of(bytes);
  frame.data = frame.buffer.span();
  frame.keyframe = !audio && (packet.flags & AV_PKT_FLAG_KEY);
  const auto count = std::ranges::count(clip.frames, frame.codec, &core::EncodedFrame::codec);
  // 24 pictures of 40 ms and 45 AAC frames are both 960 ms.
  frame.rtp_time = audio ? count * 1024 : count * 3600;
  frame.capture = core::TimePoint{} + std::chrono::microseconds(audio ? count * 64'000 / 3 : count * 40'000);
  if (count < (audio ? 45 : 24)) clip.frames.push_back(frame);
}

}  // namespace

std::optional<Clip> make_clip() {
  const auto path = std::filesystem::temp_directory_path() / ("partyline-clip-" + std::to_string(getpid()) + ".ts");
  std::string output;
  const bool made = run_program(
      "ffmpeg -y -v error -f lavfi -i testsrc=size=320x240:rate=25 -f lavfi -i sine=frequency=1000:sample_rate=48000 "
      "-t 1.2 -c:v libx264 -profile:v baseline -tune zerolatency -preset ultrafast -g 12 -pix_fmt yuv420p -c:a aac -ac "
      "2 "
      "-b:a 96k -f mpegts " +
          path.string(),
      30, output);
  AVFormatContext* context = nullptr;
  if (!made || avformat_open_input(&context, path.c_str(), nullptr, nullptr) < 0) {
    std::printf("no clip: %s\n", output.c_str());
    return std::nullopt;
  }
  avformat_find_stream_info(context, nullptr);
  Clip clip;
  clip.length = std::chrono::milliseconds(960);
  AVPacket* packet = av_packet_alloc();
  while (av_read_frame(context, packet) >= 0) {
    add_packet(clip, *packet, *context->streams[packet->stream_index]);
    av_packet_unref(packet);
  }
  av_packet_free(&packet);
  avformat_close_input(&context);
  std::filesystem::remove(path);
  std::ranges::stable_sort(clip.frames, {}, &core::EncodedFrame::capture);
  return clip;
}

std::vector<core::EncodedFrame> round_of(const Clip& clip, int64_t n, core::TimePoint zero) {
  std::vector<core::EncodedFrame> frames = clip.frames;
  for (core::EncodedFrame& frame : frames) {
    frame.capture = zero + frame.capture.time_since_epoch() + n * clip.length;
    frame.rtp_time += n * (frame.codec == core::Codec::aac ? 45 * 1024 : 24 * 3600);
  }
  return frames;
}

ClipPlayer::ClipPlayer(Clip clip, std::shared_ptr<core::FrameSink> audio, std::shared_ptr<core::FrameSink> video,
                       size_t filler)
    : clip_(std::move(clip)), audio_(std::move(audio)), video_(std::move(video)), filler_(filler) {
  for (core::EncodedFrame& frame : clip_.frames) {
    if (filler_ == 0 || frame.codec != core::Codec::h264) continue;
    std::vector<uint8_t> bytes(frame.data.begin(), frame.data.end());
    const std::vector<uint8_t> head{0, 0, 0, 1, 12};  // NAL unit type 12: filler data
    bytes.insert(bytes.end(), head.begin(), head.end());
    bytes.insert(bytes.end(), filler_, 0xFF);
    bytes.push_back(0x80);
    frame.buffer = core::Buffer::copy_of(bytes);
    frame.data = frame.buffer.span();
  }
  thread_ = std::thread([this] { run(); });
}

ClipPlayer::~ClipPlayer() {
  stop_ = true;
  thread_.join();
}

void ClipPlayer::run() {
  const core::TimePoint zero = core::Clock::now();
  for (int64_t n = 0; !stop_; ++n) {
    for (const core::EncodedFrame& frame : round_of(clip_, n, zero)) {
      if (stop_) return;
      std::this_thread::sleep_until(frame.capture);
      const core::TimePoint before = core::Clock::now();
      (frame.codec == core::Codec::aac ? audio_ : video_)->push(frame);
      longest_push_ = std::max(longest_push_.load(), (core::Clock::now() - before).count());
    }
  }
}

}  // namespace partyline::gateway
