// A router with a publisher whose packets the test writes itself, and a player who keeps what he is sent. In virtual
// time.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "rtp/packet.hpp"
#include "sfu/stream_router.hpp"

namespace partyline::sfu::router_test {

using namespace std::chrono_literals;
using core::Codec;
using core::TimePoint;
namespace rtcp = rtp::rtcp;

inline constexpr uint8_t kAudioPt = 111, kVideoPt = 108;
inline constexpr uint32_t kAudioSsrc = 0xA0, kVideoSsrc = 0xB0, kPlayerAudio = 0x1A, kPlayerVideo = 0x1B;

// Keeps what a peer was sent.
struct Peer final : PacketOut {
  void send_rtp(std::span<const uint8_t> packet) override { rtp.emplace_back(packet.begin(), packet.end()); }
  void send_rtcp(std::span<const uint8_t> packet) override { rtcp.emplace_back(packet.begin(), packet.end()); }

  std::vector<rtp::PacketView> packets(uint8_t payload_type) const {
    std::vector<rtp::PacketView> result;
    for (const auto& bytes : rtp)
      if (const auto view = rtp::parse_packet(bytes); view && view->payload_type == payload_type)
        result.push_back(*view);
    return result;
  }
  template <class Parse>
  auto blocks(Parse parse) const {
    std::vector<typename decltype(parse(rtcp::Block{}))::value_type> result;
    for (const auto& bytes : rtcp)
      for (rtcp::Reader reader(bytes); const auto block = reader.next();)
        if (const auto parsed = parse(*block)) result.push_back(*parsed);
    return result;
  }
  size_t plis() const { return blocks(rtcp::parse_pli).size(); }
  void clear() {
    rtp.clear();
    rtcp.clear();
  }
  std::vector<std::vector<uint8_t>> rtp, rtcp;
};

class RouterTest : public ::testing::Test {
 protected:
  static PublisherFormats publisher_formats(Codec video = Codec::h264) {
    PublisherFormats formats;
    formats.audio = IncomingFormat{Codec::opus, kAudioPt, 0, {}, 3, 1, false, false, false};
    formats.video = IncomingFormat{video, kVideoPt, video == Codec::h264 ? 1 : 0, {}, 3, 0, true, true, true};
    return formats;
  }
  static PlayerFormats player_formats() {
    PlayerFormats formats;
    formats.audio = {{Codec::opus, 96, 0}};
    formats.video = {{Codec::h264, 97, 1}, {Codec::vp8, 98, 0}};
    formats.audio_level_extension = 5;
    formats.audio_ssrc = kPlayerAudio;
    formats.video_ssrc = kPlayerVideo;
    formats.cname = "stream";
    return formats;
  }

  void publish(Codec video = Codec::h264) { router_.set_publisher(publisher_formats(video), publisher_, now_); }
  StreamRouter::PlayerId join(Peer& peer) { return router_.add_player(player_formats(), peer, now_); }

  static core::Buffer packet(uint8_t payload_type, uint32_t ssrc, uint16_t sequence, uint32_t timestamp,
                             std::vector<uint8_t> payload, bool with_extensions = true) {
    std::array<uint8_t, 1500> room;
    rtp::PacketWriter writer(room, {false, payload_type, {sequence}, {timestamp}, ssrc});
    if (with_extensions) {
      const std::array<uint8_t, 2> transport{static_cast<uint8_t>(sequence >> 8), static_cast<uint8_t>(sequence)};
      writer.add_extension(3, transport);
      const uint8_t level = 0x80 | 42;  // with voice
      if (payload_type == kAudioPt) writer.add_extension(1, {&level, 1});
    }
    writer.append(payload);
    return core::Buffer::copy_of(writer.packet());
  }
  void video(uint16_t sequence, uint32_t timestamp, bool key = false, uint32_t ssrc = kVideoSsrc) {
    const std::vector<uint8_t> payload{static_cast<uint8_t>(key ? 0x67 : 0x61), static_cast<uint8_t>(sequence)};
    router_.receive_from_publisher(packet(kVideoPt, ssrc, sequence, timestamp, payload), now_);
  }
  void audio(uint16_t sequence, uint32_t timestamp) {
    router_.receive_from_publisher(packet(kAudioPt, kAudioSsrc, sequence, timestamp, {1, 2, 3}), now_);
  }
  void advance(core::Duration time) {
    for (const TimePoint end = now_ + time; now_ < end; now_ += 20ms) router_.tick(now_);
  }
  template <class Write>
  static std::vector<uint8_t> rtcp_packet(Write write) {
    std::array<uint8_t, 1200> room;
    rtcp::Writer writer(room);
    write(writer);
    return {writer.packet().begin(), writer.packet().end()};
  }

  TimePoint now_ = TimePoint{} + 1000s;
  StreamRouter router_;
  Peer publisher_, player_;
};

}  // namespace partyline::sfu::router_test
