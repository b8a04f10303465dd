// ReorderBuffer: video packets in, video packets out in sequence, with what is missing asked for again and, after a
// while, given up.
//
//      next_                          highest_
//        ▼                               ▼
//   … | have | missing: NACK at once, every RTT × 1.2, ten times; given up after `wait` | have | have |
//
// Bounded: 1024 packets and 4 MiB; beyond that the oldest gap is given up. Thread: the session's.
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
    bool after_gap = false;  ///< packets between this and the previous one are lost for good
  };
  std::optional<Released> pop(core::TimePoint now);
  /// Missing packets to ask for now; they count as asked for.
  void take_nacks(core::TimePoint now, core::Duration retry_interval, rtcp::BoundedList<Seq16, rtcp::kMaxNacks>& out);
  /// When pop() or take_nacks() may have something new without a packet arriving.
  std::optional<core::TimePoint> next_deadline(bool nack) const;
  size_t missing() const { return missing_; }
  /// From the first NACK of a packet to its coming back, once after each recovery that needed one NACK only: the round
  /// trip, for who has nothing better.
  std::optional<core::Duration> take_recovery_time() { return std::exchange(recovery_time_, std::nullopt); }
  /// Another source: everything is forgotten.
  void clear();

 private:
  enum class State : uint8_t { empty, missing, present };
  struct Slot {
    State state = State::empty;
    uint8_t tries = 0;
    core::TimePoint missing_since, asked;
    VideoPacket packet;
  };
  Slot& slot(int64_t sequence) { return slots_[static_cast<size_t>(sequence) % kCapacity]; }
  const Slot& slot(int64_t sequence) const { return slots_[static_cast<size_t>(sequence) % kCapacity]; }
  void empty_slot(int64_t sequence);
  /// Gives up everything before `sequence`.
  void skip_to(int64_t sequence);
  bool overfull() const { return bytes_ > kMaxBytes; }

  std::vector<Slot> slots_;  ///< made with the first packet: audio tracks never need them
  core::Duration wait_ = std::chrono::milliseconds(50);
  std::optional<int64_t> next_;
  int64_t highest_ = 0;
  size_t missing_ = 0, bytes_ = 0;
  bool gap_ = false;
  core::TimePoint nack_due_;  ///< no NACK is due before
  std::optional<core::Duration> recovery_time_;
};

}  // namespace partyline::rtp
