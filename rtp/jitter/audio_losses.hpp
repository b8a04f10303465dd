// AudioLosses: which lost audio packets to ask for again (RFC 4585 §6.2.1), and when. A voice cannot wait long: nothing
// is asked for whose repetition would come more than 90 ms after its time, and a hole of ten packets or more is left to
// concealment. On paths that disorder packets the first request waits for what is merely late.
//
//   packet 7   packet 9: 8 is missing ──patience──▶ NACK 8 ──retry interval──▶ NACK 8 … until it comes or is too late
//
// Pure logic, allocates nothing. Thread: the session's.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/time.hpp"
#include "rtp/rtcp/rtcp.hpp"

namespace partyline::rtp {

class AudioLosses {
 public:
  static constexpr core::Duration kLongestWait = std::chrono::milliseconds(90);

  /// A packet that was not here before; `sequence` unwrapped, `patience`: how much later than others it may be. True
  /// when it was asked for.
  bool on_packet(int64_t sequence, core::Duration patience, core::TimePoint now) {
    if (!highest_ || sequence > *highest_) {
      const int64_t first = highest_ ? *highest_ + 1 : sequence;
      if (sequence - first < static_cast<int64_t>(kMost)) {
        const core::Duration each = std::min<core::Duration>((now - last_) / (sequence - first + 1), kUsualPacket);
        for (int64_t missing = first; missing < sequence; ++missing) {
          add({missing, now - each * (sequence - missing), now + patience, false});
        }
      }
      highest_ = sequence;
      last_ = now;
      return false;
    }
    return forget(sequence);
  }
  /// It came another way. True when it was asked for.
  bool forget(int64_t sequence) {
    for (size_t i = 0; i < count_; ++i) {
      if (missing_[i].sequence != sequence) continue;
      const bool asked = missing_[i].asked;
      remove(i);
      return asked;
    }
    return false;
  }
  /// What to ask for now; it counts as asked for.
  void take(core::TimePoint now, core::Duration retry_interval, core::Duration round_trip,
            rtcp::BoundedList<Seq16, rtcp::kMaxNacks>& out) {
    for (size_t i = count_; i-- > 0;) {
      Missing& missing = missing_[i];
      if (now < missing.due) continue;
      if (now + round_trip > missing.expected + kLongestWait) {
        // Stays for a while, so that what comes in answer to the last request is known for what it is.
        missing.due = core::TimePoint::max();
        continue;
      }
      out.push(Seq16{static_cast<uint16_t>(missing.sequence)});
      missing.asked = true;
      missing.due = now + retry_interval;
    }
  }
  std::optional<core::TimePoint> next() const {
    core::TimePoint first = core::TimePoint::max();
    for (size_t i = 0; i < count_; ++i) first = std::min(first, missing_[i].due);
    return first == core::TimePoint::max() ? std::nullopt : std::optional(first);
  }
  /// The sender numbers anew.
  void clear() {
    count_ = 0;
    highest_.reset();
  }

 private:
  static constexpr size_t kMost = 10;
  static constexpr core::Duration kUsualPacket = std::chrono::milliseconds(20);
  struct Missing {
    int64_t sequence = 0;
    core::TimePoint expected, due;
    bool asked = false;
  };
  void add(const Missing& missing) {
    if (count_ == kMost) remove(0);
    missing_[count_++] = missing;
  }
  void remove(size_t index) {
    std::move(missing_.begin() + static_cast<ptrdiff_t>(index) + 1, missing_.begin() + static_cast<ptrdiff_t>(count_),
              missing_.begin() + static_cast<ptrdiff_t>(index));
    --count_;
  }

  std::optional<int64_t> highest_;
  core::TimePoint last_;                  ///< when it came
  std::array<Missing, kMost> missing_{};  ///< oldest first
  size_t count_ = 0;
};

}  // namespace partyline::rtp
