// ReorderBuffer: video packets in, video packets out in sequence, with what is missing asked for again and, after a
// while, given up.
//
//      next_                          highest_
//        ▼                               ▼
//   … | have | missing: NACK at once, then every `retry_interval`, ten times at most and never when the answer would
//       come after it is given up (after `wait`) | have | have |
//
// A hole of half a second or more is not asked for at all: a keyframe is there sooner than all that (RFC 4585 §6.2.1
// leaves the choice to the receiver). Bounded: 1024 packets and 4 MiB; beyond that the oldest gap is given up.
// Thread: the session's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/buffer.hpp"
#include "core/frame.hpp"
#include "core/time.hpp"
#include "rtp/rtcp/rtcp.hpp"

namespace partyline::rtp {

struct VideoPacket {
  core::Buffer buffer;
  std::span<const uint8_t> payload;  ///< a view into `buffer`
  core::Codec codec = core::Codec::h264;
  int64_t sequence = 0, rtp_time = 0;
  bool marker = false;
  core::TimePoint arrival;
};

class ReorderBuffer {
 public:
  static constexpr int64_t kCapacity = 1024;  // packets
  static constexpr size_t kMaxBytes = 4 << 20;

  /// How long a missing packet is waited for.
  void set_wait(core::Duration wait) { wait_ = wait; }
  enum class Verdict { stored, recovered, late };
  Verdict insert(VideoPacket packet, core::TimePoint now);
  struct Released {
    VideoPacket packet;
    int64_t lost_before = 0;  ///< packets between this and the previous one that are lost for good
  };
  std::optional<Released> pop(core::TimePoint now);
  struct Asking {
    core::Duration retry_interval;
    core::Duration round_trip;  ///< what cannot come back within it is not asked for; 0: not known
    /// After the first request, a second one so soon that it counts as the same to the sender, unless the first was
    /// lost: for paths that lose much, where waiting a round trip to find that out would be seen. 0: none.
    core::Duration echo{};
    size_t most = rtcp::kMaxNacks;  ///< packets; the rest stays due
  };
  /// Missing packets to ask for now; they count as asked for.
  void take_nacks(core::TimePoint now, const Asking& asking, rtcp::BoundedList<Seq16, rtcp::kMaxNacks>& out);
  /// When pop() or take_nacks() may have something new without a packet arriving.
  std::optional<core::TimePoint> next_deadline(bool nack) const;
  size_t missing() const { return missing_; }
  /// Share of the last hundreds of packets that did not come, or not in order.
  double loss() const { return loss_; }

  // For who looks ahead while pop() waits for a missing packet.
  bool waiting() const { return next_ && *next_ <= highest_ && slot(*next_).state == State::missing; }
  int64_t next() const { return *next_; }
  int64_t highest() const { return highest_; }
  /// Since when the packet is missing that pop() waits for; only while waiting().
  core::TimePoint waiting_since() const { return slot(*next_).missing_since; }
  /// The packet, if it is here.
  const VideoPacket* find(int64_t sequence) const {
    const Slot& s = slot(sequence);
    return s.state == State::present && sequence >= *next_ && sequence <= highest_ ? &s.packet : nullptr;
  }
  /// Gives up everything before `sequence`.
  void skip_to(int64_t sequence);

  /// From the first NACK of a packet to its coming back, once after each recovery that needed one NACK only: the round
  /// trip, for who has nothing better.
  std::optional<core::Duration> take_recovery_time() { return std::exchange(recovery_time_, std::nullopt); }
  /// True once after a black-out.
  bool take_black_out() { return std::exchange(black_out_, false); }
  /// Another source: everything is forgotten.
  void clear();

 private:
  enum class State : uint8_t { empty, missing, present };
  struct Slot {
    State state = State::empty;
    uint8_t tries = 0;
    bool echoed = false;
    core::TimePoint missing_since, asked;
    VideoPacket packet;
  };
  Slot& slot(int64_t sequence) { return slots_[static_cast<size_t>(sequence) % kCapacity]; }
  const Slot& slot(int64_t sequence) const { return slots_[static_cast<size_t>(sequence) % kCapacity]; }
  void empty_slot(int64_t sequence);
  void note_missing(int64_t sequence, core::TimePoint now);
  bool overfull() const { return bytes_ > kMaxBytes; }

  std::vector<Slot> slots_;  ///< made with the first packet: audio tracks never need them
  core::Duration wait_ = std::chrono::milliseconds(50);
  std::optional<int64_t> next_;
  int64_t highest_ = 0;
  size_t missing_ = 0, bytes_ = 0;
  int64_t lost_ = 0;  ///< since the last packet handed out
  core::TimePoint last_arrival_;
  double loss_ = 0;
  core::TimePoint nack_due_;  ///< no NACK is due before
  std::optional<core::Duration> recovery_time_;
  bool black_out_ = false;
};

}  // namespace partyline::rtp
