// StreamFrames: cuts a TCP stream into the packets it carries (RFC 4571 §2; ICE's use of it: RFC 6544 §10.1).
//
//    0                   1
//    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5
//   |            LENGTH             |  STUN, DTLS, RTP or RTCP, LENGTH bytes …
//
// Bounded: one buffer of a few packets. A frame longer than any datagram of ours breaks the stream: it was never one
// of ICE's. Thread: pure logic, its owner's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace partyline::rtp {

class StreamFrames {
 public:
  static constexpr size_t kHeader = 2;
  static constexpr size_t kMaxFrame = 2048;  // bytes, without its length

  StreamFrames() : bytes_(2 * (kHeader + kMaxFrame)) {}

  /// Where the stream's next bytes go; never empty while next() is called until it has nothing more. Invalidates what
  /// next() returned.
  std::span<uint8_t> space();
  void filled(size_t bytes) { end_ += bytes; }
  /// The next whole frame that is not empty.
  std::optional<std::span<uint8_t>> next();
  /// Nothing that follows can be understood.
  bool broken() const { return broken_; }

  /// What goes in front of `frame`, whose size is at most kMaxFrame.
  static std::array<uint8_t, kHeader> header_of(std::span<const uint8_t> frame) {
    return {static_cast<uint8_t>(frame.size() >> 8), static_cast<uint8_t>(frame.size())};
  }

 private:
  std::vector<uint8_t> bytes_;
  size_t begin_ = 0, end_ = 0;  // what is not yet cut
  bool broken_ = false;
};

}  // namespace partyline::rtp
