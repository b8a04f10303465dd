// SentLog: when which RTP number left, so that the highest number of a receiver report tells how long those behind it
// have been under way. That needs no sender report to come through, which a full queue swallows as it does the rest.
// A mark each 10 ms, some five seconds of them. Thread: owner's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/time.hpp"
#include "rtp/wire_types.hpp"

namespace partyline::rtp {

class SentLog {
 public:
  /// False: it left before.
  bool add(Seq16 sequence, core::TimePoint now) {
    const int64_t number = numbers_.peek(sequence);
    if (count_ > 0 && number < next_) return false;
    numbers_.unwrap(sequence);
    next_ = number + 1;
    if (marks_.empty()) marks_.resize(kMarks);
    if (count_ == 0 || now - newest().at >= kApart) marks_[count_++ % kMarks] = {number, now};
    return true;
  }
  /// Whether it has left; `number` unwrapped.
  bool sent(int64_t number) const { return count_ > 0 && number < next_; }
  /// Unwrapped, near what was sent last.
  int64_t unwrap(Seq16 sequence) const { return numbers_.peek(sequence); }
  /// How long ago it left, to 10 ms; zero if it has not left; nothing if that is too long ago.
  std::optional<core::Duration> age(int64_t number, core::TimePoint now) const {
    if (count_ == 0 || number >= next_) return core::Duration{};
    for (size_t back = 1; back <= std::min(count_, kMarks); ++back) {
      const Mark& mark = marks_[(count_ - back) % kMarks];
      if (mark.first <= number) return now - mark.at;
    }
    return std::nullopt;
  }

 private:
  static constexpr size_t kMarks = 512;
  static constexpr core::Duration kApart = std::chrono::milliseconds(10);
  struct Mark {
    int64_t first = 0;
    core::TimePoint at;
  };
  const Mark& newest() const { return marks_[(count_ - 1) % kMarks]; }

  SequenceUnwrapper numbers_;
  std::vector<Mark> marks_;  ///< a ring, made with the first number
  size_t count_ = 0;
  int64_t next_ = 0;
};

}  // namespace partyline::rtp
