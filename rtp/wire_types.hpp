// Wire counters have no `<`: they wrap. They are unwrapped into int64_t first and compared then.
//
// Unwrapping takes the value nearest to the last one seen, so a packet that is older than the first one unwraps to a
// smaller (even negative) number. Thread: plain values.
#pragma once

#include <cstdint>
#include <optional>

namespace partyline::rtp {

/// RTP sequence number as on the wire (also transport-cc's).
struct Seq16 {
  uint16_t value = 0;
  friend bool operator==(Seq16, Seq16) = default;
};

/// RTP timestamp as on the wire.
struct RtpTime32 {
  uint32_t value = 0;
  friend bool operator==(RtpTime32, RtpTime32) = default;
};

class SequenceUnwrapper {
 public:
  /// The unwrapped number nearest to the last one given to unwrap(), which becomes the new last one.
  int64_t unwrap(Seq16 sequence) {
    const int64_t result = peek(sequence);
    last_ = result;
    return result;
  }
  /// The same without remembering it.
  int64_t peek(Seq16 sequence) const {
    if (!last_) return sequence.value;
    return *last_ + static_cast<int16_t>(static_cast<uint16_t>(sequence.value - static_cast<uint16_t>(*last_)));
  }
  void reset() { last_.reset(); }

 private:
  std::optional<int64_t> last_;
};

class RtpTimeUnwrapper {
 public:
  int64_t unwrap(RtpTime32 time) {
    const int64_t result = peek(time);
    last_ = result;
    return result;
  }
  int64_t peek(RtpTime32 time) const {
    if (!last_) return time.value;
    return *last_ + static_cast<int32_t>(time.value - static_cast<uint32_t>(*last_));
  }
  void reset() { last_.reset(); }

 private:
  std::optional<int64_t> last_;
};

}  // namespace partyline::rtp
