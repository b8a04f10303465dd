#include "sfu/outgoing_track.hpp"

#include <algorithm>

namespace partyline::sfu {

void OutgoingTrack::follow(uint64_t epoch, int64_t sequence, rtp::RtpTime32 timestamp, core::TimePoint now) {
  if (epoch_ == epoch) return;
  epoch_ = epoch;
  first_source_ = sequence;
  int64_t next = highest_;
  uint32_t time = last_time_;
  if (sent_) {
    ++next;
    const auto elapsed = std::chrono::duration_cast<std::chrono::microseconds>(now - last_sent_).count();
    // At least a millisecond later: two pictures with one timestamp would be one picture to the player.
    const int64_t ticks = std::max<int64_t>(elapsed * clock_rate_ / 1'000'000, clock_rate_ / 1000);
    time += static_cast<uint32_t>(ticks);
  }
  sequence_offset_ = next - sequence;
  time_offset_ = time - timestamp.value;
}

std::optional<OutgoingTrack::Header> OutgoingTrack::map(int64_t sequence, rtp::RtpTime32 timestamp,
                                                        core::TimePoint now) {
  if (sequence < first_source_) return std::nullopt;
  const int64_t ours = sequence + sequence_offset_;
  const Header header = header_of(sequence, timestamp);
  if (!sent_ || ours >= highest_) {
    highest_ = ours;
    last_time_ = header.timestamp.value;
    last_sent_ = now;
    sent_ = true;
  }
  return header;
}

OutgoingTrack::Header OutgoingTrack::header_of(int64_t sequence, rtp::RtpTime32 timestamp) const {
  return {{static_cast<uint16_t>(sequence + sequence_offset_)}, map_time(timestamp)};
}

std::optional<int64_t> OutgoingTrack::source_sequence(rtp::Seq16 sequence) const {
  if (!sent_) return std::nullopt;
  const int64_t ours =
      highest_ + static_cast<int16_t>(static_cast<uint16_t>(sequence.value - static_cast<uint16_t>(highest_)));
  if (ours > highest_ || ours - sequence_offset_ < first_source_) return std::nullopt;
  return ours - sequence_offset_;
}

}  // namespace partyline::sfu
