#include "tests/output_peers/support/call_frames.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "tests/output_peers/support/rtmp_server.hpp"

extern "C" {
#include <libavformat/avformat.h>
}

namespace partyline::gateway {

namespace {

using core::Codec;
using Packets = std::vector<std::pair<std::vector<uint8_t>, bool>>;  // bytes, keyframe

Packets packets_of(const std::string& path) {
  Packets packets;
  AVFormatContext* context = nullptr;
  if (avformat_open_input(&context, path.c_str(), nullptr, nullptr) < 0) return packets;
  avformat_find_stream_info(context, nullptr);
  AVPacket* packet = av_packet_alloc();
  while (av_read_frame(context, packet) >= 0) {
    packets.emplace_back(std::vector<uint8_t>(packet->data, packet->data + packet->size),
                         packet->flags & AV_PKT_FLAG_KEY);
    av_packet_unref(packet);
  }
  av_packet_free(&packet);
  avformat_close_input(&context);
  return packets;
}

Packets chunks_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
  Packets packets;
  for (size_t at = 0; at + 160 <= bytes.size(); at += 160)
    packets.emplace_back(std::vector<uint8_t>(bytes.begin() + static_cast<ptrdiff_t>(at),
                                              bytes.begin() + static_cast<ptrdiff_t>(at + 160)),
                         false);
  return packets;
}

const Packets& made(Codec codec) {
  static std::map<Codec, Packets> all;
  const auto [at, fresh] = all.try_emplace(codec);
  if (!fresh) return at->second;
  static const std::map<Codec, std::pair<std::string, std::string>> how{
      {Codec::pcmu, {"-ar 8000 -ac 1 -f mulaw", "u"}},
      {Codec::pcma, {"-ar 8000 -ac 1 -f alaw", "a"}},
      {Codec::g722, {"-ar 16000 -ac 1 -f g722", "g722"}},
      {Codec::opus, {"-c:a libopus -b:a 64k", "ogg"}},
      {Codec::h264,
       {"-c:v libx264 -profile:v baseline -tune zerolatency -preset ultrafast -g 12 -pix_fmt yuv420p", "h264"}},
      {Codec::vp8, {"-c:v libvpx -deadline realtime -cpu-used 8 -g 12 -b:v 500k", "webm"}},
  };
  const bool audio = core::kind_of(codec) == core::MediaKind::audio;
  const auto& [options, extension] = how.at(codec);
  const std::string path =
      (std::filesystem::temp_directory_path() / fmt::format("partyline-call-{}.{}", getpid(), extension)).string();
  std::string output;
  if (run_program(
          fmt::format("ffmpeg -y -v error -f lavfi -i {} -t 2 {} {}",
                      audio ? "sine=frequency=1000:sample_rate=48000" : "testsrc=size=320x240:rate=25", options, path),
          30, output))
    at->second = audio && codec != Codec::opus ? chunks_of(path) : packets_of(path);
  std::filesystem::remove(path);
  return at->second;
}

std::vector<core::EncodedFrame> frames_of(Codec codec, core::TimePoint zero, std::chrono::milliseconds step,
                                          size_t most, int64_t first) {
  std::vector<core::EncodedFrame> frames;
  for (const auto& [bytes, keyframe] : made(codec)) {
    if (frames.size() == most) break;
    const auto n = static_cast<int64_t>(frames.size());
    core::EncodedFrame frame;
    frame.codec = codec;
    frame.buffer = core::Buffer::copy_of(bytes);
    frame.data = frame.buffer.span();
    frame.keyframe = core::kind_of(codec) == core::MediaKind::video && keyframe;
    frame.capture = frame.arrival = zero + n * step;
    frame.rtp_time = (first + n) * step.count() * core::clock_rate_of(codec) / 1000;
    frame.sequence = first + n;
    frames.push_back(std::move(frame));
  }
  return frames;
}

}  // namespace

std::vector<core::EncodedFrame> call_sound(Codec codec, core::TimePoint zero, int64_t first) {
  return frames_of(codec, zero, std::chrono::milliseconds(20), 100, first);
}

std::vector<core::EncodedFrame> call_pictures(Codec codec, core::TimePoint zero) {
  return frames_of(codec, zero, std::chrono::milliseconds(40), 50, 0);
}

std::vector<core::EncodedFrame> merged(std::vector<core::EncodedFrame> sound,
                                       const std::vector<core::EncodedFrame>& pictures) {
  sound.insert(sound.end(), pictures.begin(), pictures.end());
  std::ranges::stable_sort(sound, {}, &core::EncodedFrame::capture);
  return sound;
}

}  // namespace partyline::gateway
