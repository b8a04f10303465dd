// Callers with cameras: H.264 packets made beforehand, sent for all callers from one socket, and a check of the
// pictures that come back.
//
// Thread: the benchmark's main thread. Wire: RFC 6184, packetization mode 1.
#pragma once

#include <poll.h>

#include <map>
#include <utility>

#include "rtp/payload/h264.hpp"
#include "tests/bench/bench_support.hpp"
#include "tests/bench/sip_media.hpp"
#include "tests/bench/sip_stand.hpp"

namespace partyline::bench {

struct VideoLoad {
  uint16_t port = 0;  // of the gateway, this caller's; 0: only receives
  const Reel* reel = nullptr;
  core::Duration start{};  // within the first frame's time
};

struct Seen {
  uint64_t packets = 0, lost = 0, pictures = 0;
};

class VideoGenerator {
 public:
  static constexpr uint8_t kPayloadType = 97;
  /// `frame`: which of the reel, `now`: before it leaves.
  using OnSent = std::function<void(size_t caller, size_t frame, core::TimePoint now)>;
  using OnPacket =
      std::function<void(size_t caller, std::span<const uint8_t> payload, bool marker, core::TimePoint now)>;

  uint16_t port() const { return socket_.port(); }
  int fd() const { return socket_.fd(); }

  void set_loads(std::vector<VideoLoad> loads) {
    loads_ = std::move(loads);
    callers_.assign(loads_.size(), {});
    index_.assign(65536, -1);
    for (size_t i = 0; i < loads_.size(); ++i) {
      index_[loads_[i].port] = static_cast<int>(i);
      if (!packets_.contains(loads_[i].reel)) packets_[loads_[i].reel] = packets_of(*loads_[i].reel);
    }
    origin_ = core::Clock::now();
  }
  /// What is due by now.
  void send_due(const OnSent& sent) {
    for (size_t i = 0; i < loads_.size(); ++i) {
      Caller& caller = callers_[i];
      const VideoLoad& load = loads_[i];
      while (origin_ + load.start + caller.frames * kInterval <= core::Clock::now()) {
        const size_t frame = static_cast<size_t>(caller.frames) % load.reel->size();
        if (sent) sent(i, frame, core::Clock::now());
        send(caller, static_cast<uint32_t>(i) + 1, load.port, packets_[load.reel][frame]);
        ++caller.frames;
      }
    }
  }
  void receive_all(const OnPacket& received) {
    sockaddr_in from{};
    for (int i = 0; i < 4096; ++i) {
      socklen_t length = sizeof from;
      const ssize_t size =
          ::recvfrom(socket_.fd(), in_.data(), in_.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &length);
      if (size < 0) return;
      const int who = index_[ntohs(from.sin_port)];
      if (who < 0 || size < 13 || (in_[1] & 0x7f) != kPayloadType) continue;
      Caller& caller = callers_[static_cast<size_t>(who)];
      const int sequence = in_[2] << 8 | in_[3];
      if (caller.last >= 0) caller.seen.lost += static_cast<uint16_t>(sequence - caller.last - 1) & 0x7fffU;
      caller.last = sequence;
      ++caller.seen.packets;
      const bool marker = (in_[1] & 0x80) != 0;
      caller.seen.pictures += marker ? 1 : 0;
      if (received) {
        received(static_cast<size_t>(who), {in_.data() + 12, static_cast<size_t>(size) - 12}, marker,
                 core::Clock::now());
      }
    }
  }
  /// What came since the last call.
  std::vector<Seen> take() {
    std::vector<Seen> all;
    for (Caller& caller : callers_) all.push_back(std::exchange(caller.seen, {}));
    return all;
  }

 private:
  static constexpr core::Duration kInterval = core::Duration(1s) / kCameraRate;
  static constexpr size_t kMostPayload = 1188;
  using Packets = std::vector<std::vector<uint8_t>>;  // of one picture, with room for the header
  struct Caller {
    Seen seen;
    int last = -1;
    uint16_t sequence = 0;
    int64_t frames = 0;
  };

  static std::vector<Packets> packets_of(const Reel& reel) {
    std::vector<Packets> all;
    rtp::PayloadPlan plan;
    for (const core::EncodedFrame& frame : reel) {
      plan.clear();
      rtp::h264::packetize(frame.data, 1, kMostPayload, plan);
      Packets& packets = all.emplace_back();
      for (size_t i = 0; i < plan.packets(); ++i) {
        auto& bytes = packets.emplace_back(12);
        for (const auto& piece : plan.packet(i)) {
          bytes.insert(bytes.end(), piece.prefix_bytes().begin(), piece.prefix_bytes().end());
          bytes.insert(bytes.end(), piece.body.begin(), piece.body.end());
        }
      }
    }
    return all;
  }
  void send(Caller& caller, uint32_t ssrc, uint16_t port, Packets& packets) {
    const sockaddr_in to = loopback(port);
    const auto time = static_cast<uint32_t>(caller.frames * 90000 / kCameraRate);
    for (size_t i = 0; i < packets.size(); ++i) {
      auto& bytes = packets[i];
      bytes[0] = 0x80;
      bytes[1] = static_cast<uint8_t>(kPayloadType | (i + 1 == packets.size() ? 0x80 : 0));
      put_big_endian(&bytes[2], caller.sequence++, 2);
      put_big_endian(&bytes[4], time, 4);
      put_big_endian(&bytes[8], ssrc, 4);
      ::sendto(socket_.fd(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    }
  }

  UdpSocket socket_{4 << 20};
  std::vector<VideoLoad> loads_;
  std::vector<Caller> callers_;
  std::vector<int> index_;
  std::map<const Reel*, std::vector<Packets>> packets_;
  core::TimePoint origin_{};
  std::array<uint8_t, 2048> in_;
};

/// Rooms of callers with cameras, end to end: what one costs, what it keeps in memory, what comes back.
void bench_video_rooms(bool quick, const std::string& only, Voices& voices, Results& results);
/// Two at 1280x720@25 and 1.5 Mbit/s whose media are passed on as they are: what that costs, what comes back.
void bench_passed_video(core::Duration length, Voices& voices, Results& results);
/// From a picture's packets to those of the first picture that shows it, at another caller's.
void bench_video_latency(core::Duration length, Voices& voices, Results& results);

}  // namespace partyline::bench
