// Dispersion: how fast the narrowest line of a path is, from nothing but the jitter in receiver reports. Packets of one
// picture leave close together and cannot come out of a line any closer than it takes to write each of them:
//
//   sent      ▮▮▮              ▮▮▮                       |
//   4 Mbit/s  ▮ ▮ ▮            ▮ ▮ ▮                     | jitter of 2 ms
//   500 k     ▮    ▮    ▮      ▮    ▮    ▮               | jitter of 19 ms
//
// What the receiver computes (RFC 3550 §6.4.1) is computed here, too, for lines of some rates, each fed with what is
// really sent and when. The rate whose jitter was reported is the path's, if nothing else makes jitter there; so who
// asks should have seen the two agree while the rate was known. Thread: owner's.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "core/time.hpp"
#include "rtp/wire_types.hpp"

namespace partyline::rtp {

class Dispersion {
 public:
  /// A packet of video (90 kHz) with its RTP header.
  void on_sent(RtpTime32 time, size_t bytes, core::TimePoint now);
  /// ms, as a line of so many bits a second would make it of what was sent last.
  double jitter_at(double rate) const;
  /// Bits a second, 125 kbit/s to 16 Mbit/s: the fastest line that would make so much, in ms.
  double rate_of(double jitter_ms) const;

 private:
  static constexpr size_t kLines = 15;
  static constexpr double kSlowest = 125e3;  ///< each is √2 times as fast as the one before
  struct Line {
    double free_ms = 0, arrived_ms = 0, jitter_ms = 0;
    RtpTime32 time;
    bool any = false;
  };
  std::array<Line, kLines> lines_;
  std::optional<core::TimePoint> began_;
};

}  // namespace partyline::rtp
