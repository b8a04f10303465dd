// RedPlaces: which packet a block of RED was (RFC 2198). A block says how long before its packet its sound was, not its
// packet's number: most senders repeat the packets right before their own, but some one that is older alone
// (GStreamer's rtpredenc with distance=2), and others leave out what was too large or too old.
//
//   number   n-3   n-2   n-1    n        a block 1920 before n's time: between n-3 and n there are two that it may be;
//   time     -2880  ?     ?     0        packets 960 apart make it n-2
//
// What is known of its neighbours bounds it; where that leaves more than one, the packets' usual distance in time
// decides, and without one the block is not taken. Pure. Thread: the owner's.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace partyline::rtp {

class RedPlaces {
 public:
  /// A packet of sound is here, received or found in another one: its number, unwrapped, and its RTP time.
  void on_packet(int64_t sequence, uint32_t time);
  /// The number of the packet whose sound began at `time`, as one told that came as `own`; nothing when it is here, or
  /// cannot be told.
  std::optional<int64_t> place(uint32_t time, int64_t own, uint32_t own_time) const;
  /// The source has begun anew.
  void clear() { *this = {}; }

 private:
  static constexpr int64_t kWindow = 32;  ///< packets
  struct Entry {
    bool known = false;
    int64_t sequence = 0;
    uint32_t time = 0;
  };
  const Entry* find(int64_t sequence) const;

  std::array<Entry, kWindow> entries_{};
  uint32_t spacing_ = 0, last_step_ = 0;  ///< RTP time from a packet to the next; 0: not known
};

}  // namespace partyline::rtp
