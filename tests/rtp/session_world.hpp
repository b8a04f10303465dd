// Two sessions joined by two simulated links, in virtual time, one millisecond a step.
#pragma once

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "rtp/packet.hpp"
#include "rtp/rtcp/rtcp.hpp"
#include "rtp/session.hpp"
#include "tests/support/fake_link.hpp"

namespace partyline::rtp::test {

using namespace std::chrono_literals;
using core::TimePoint;

inline PayloadFormat audio_format(core::Codec codec, uint8_t payload_type) {
  PayloadFormat format;
  format.payload_type = payload_type;
  format.codec = codec;
  return format;
}

inline TrackConfig audio_track() {
  TrackConfig track;
  track.mid = "0";
  track.sending = track.receiving = true;
  track.receive_formats = {audio_format(core::Codec::opus, 111), audio_format(core::Codec::pcmu, 0)};
  track.send_format = track.receive_formats[0];
  track.telephone_event = 101;
  return track;
}

inline TrackConfig video_track(bool nack = true, core::Codec codec = core::Codec::h264) {
  TrackConfig track;
  track.kind = core::MediaKind::video;
  track.mid = "1";
  track.sending = track.receiving = true;
  PayloadFormat format = audio_format(codec, 96);
  format.h264.packetization_mode = 1;
  format.nack = nack;
  format.pli = true;
  track.receive_formats = {format};
  track.send_format = format;
  track.feedback_profile = true;
  return track;
}

/// One side: what its session told, and the link its packets leave by.
struct Side : SessionEvents {
  void send_rtp(std::span<const uint8_t> packet) override {
    rtp_sent.emplace_back(packet.begin(), packet.end());
    if (link) link->send(packet, *now);
  }
  void send_rtcp(std::span<const uint8_t> packet) override {
    rtcp_sent.emplace_back(packet.begin(), packet.end());
    rtcp_at.push_back(*now);
    if (link) link->send(packet, *now);
  }
  void on_frame(const core::EncodedFrame& frame) override {
    const bool is_audio = core::kind_of(frame.codec) == core::MediaKind::audio;
    (is_audio ? audio : video).push_back(frame);
    if (!is_audio) video_at.push_back(*now);
    frame_at.push_back(*now);
  }
  void on_digit(char digit) override { digits += digit; }
  void on_keyframe_request() override { ++keyframe_requests; }
  void on_target_bitrate(core::Bitrate target) override { targets.push_back(target); }

  void make(std::vector<TrackConfig> tracks, std::shared_ptr<RemoteClock> clock = nullptr) {
    SessionConfig config;
    config.cname = "side";
    config.tracks = std::move(tracks);
    config.remote_clock = std::move(clock);
    session = std::make_unique<Session>(std::move(config), *this, *now);
  }
  void receive(std::span<const uint8_t> packet) {
    if (is_rtcp(packet)) session->receive_rtcp(packet, *now);
    if (!is_rtcp(packet)) session->receive_rtp(core::Buffer::copy_of(packet), *now);
  }
  /// How many RTCP blocks of a type and format were sent.
  int blocks(rtcp::Type type, int count = -1) const {
    int found = 0;
    for (const auto& packet : rtcp_sent) {
      for (rtcp::Reader reader(packet); const auto block = reader.next();) {
        found += block->type == type && (count < 0 || block->count == count);
      }
    }
    return found;
  }

  const TimePoint* now = nullptr;
  partyline::test::FakeLink* link = nullptr;
  std::vector<core::EncodedFrame> audio, video;
  std::vector<TimePoint> frame_at, video_at, rtcp_at;
  std::vector<std::vector<uint8_t>> rtp_sent, rtcp_sent;
  std::vector<core::Bitrate> targets;
  std::string digits;
  int keyframe_requests = 0;
  std::unique_ptr<Session> session;
};

struct World {
  explicit World(partyline::test::FakeLink::Settings settings = {}, uint32_t seed = 1)
      : a_to_b(settings, seed), b_to_a(settings, seed + 100) {
    a.now = b.now = &now;
    a.link = &a_to_b;
    b.link = &b_to_a;
  }
  /// Advances; `each` runs every millisecond before the packets of that millisecond arrive.
  void run(core::Duration duration, const std::function<void()>& each = {}) {
    const TimePoint end = now + duration;
    while (now < end) {
      now += 1ms;
      if (each) each();
      a_to_b.deliver(now, [&](auto packet, TimePoint) { b.receive(packet); });
      b_to_a.deliver(now, [&](auto packet, TimePoint) { a.receive(packet); });
      for (Side* side : {&a, &b}) {
        TimePoint& due = side == &a ? due_a : due_b;
        if (now >= due || ticking) due = side->session->tick(now);
      }
    }
  }

  TimePoint now{1000h};
  partyline::test::FakeLink a_to_b, b_to_a;
  Side a, b;
  TimePoint due_a{}, due_b{};
  bool ticking = false;  ///< true: every millisecond, whatever tick() said
};

/// An access unit with bytes that hold no start code: keyframes are SPS, PPS, IDR.
inline std::vector<uint8_t> h264_picture(bool keyframe, size_t bytes, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<uint8_t> out;
  const auto nal = [&](std::initializer_list<uint8_t> head, size_t size) {
    out.insert(out.end(), {0, 0, 0, 1});
    out.insert(out.end(), head);
    for (size_t i = 0; i < size; ++i) out.push_back(static_cast<uint8_t>(0x80 | random()));
  };
  if (keyframe) {
    nal({0x67, 0x42, 0xE0, 0x1F, 0x80}, 8);
    nal({0x68, 0x80}, 3);
  }
  nal({static_cast<uint8_t>(keyframe ? 0x65 : 0x41), 0x88}, bytes);
  return out;
}

inline core::EncodedFrame frame_of(core::Codec codec, std::span<const uint8_t> bytes, int64_t rtp_time,
                                   TimePoint capture, bool keyframe = false) {
  core::EncodedFrame frame;
  frame.codec = codec;
  frame.buffer = core::Buffer::copy_of(bytes);
  frame.data = frame.buffer.span();
  frame.rtp_time = rtp_time;
  frame.capture = capture;
  frame.keyframe = keyframe;
  return frame;
}

/// Sends 50 audio packets and 25 pictures a second, a keyframe first, every 10 s, and when asked for.
struct Talker {
  explicit Talker(World& in, Side& from, core::Codec video_codec = core::Codec::h264)
      : world(in), side(from), began(in.now), codec(video_codec) {}
  void operator()() {
    const auto ms = (world.now - began) / 1ms;
    if (with_audio && ms % 20 == 0) {
      const uint8_t bytes[40] = {static_cast<uint8_t>(audio_sent), 1, 2, 3};
      auto frame = frame_of(core::Codec::opus, bytes, ms * 48, world.now);
      frame.audio_level = 30;
      if (side.session->send(frame, world.now)) ++audio_sent;
    }
    if (with_video && ms % 40 == 0) {
      const bool key = pictures.empty() || pictures.size() % 250 == 0 || side.keyframe_requests != answered;
      answered = side.keyframe_requests;
      std::vector<uint8_t> bytes = h264_picture(key, key ? key_bytes : delta_bytes, static_cast<uint32_t>(ms + 1));
      if (codec == core::Codec::vp8) bytes[0] = key ? 0 : 1;
      side.session->send(frame_of(codec, bytes, ms * 90, world.now, key), world.now);
      pictures.push_back(std::move(bytes));
      captures.push_back(world.now);
    }
  }
  World& world;
  Side& side;
  TimePoint began;
  core::Codec codec;
  bool with_audio = true, with_video = true;
  size_t key_bytes = 20000, delta_bytes = 3000;
  int audio_sent = 0, answered = 0;
  std::vector<std::vector<uint8_t>> pictures;
  std::vector<TimePoint> captures;
};

inline std::vector<uint8_t> bytes_of(const core::EncodedFrame& frame) {
  return {frame.data.begin(), frame.data.end()};
}

}  // namespace partyline::rtp::test
