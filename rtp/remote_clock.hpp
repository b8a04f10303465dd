// RemoteClock: RTP time of all streams of one sender → our media clock.
//
//   until (or if never) a stream has a sender report:   capture = RTP time + fastest (arrival − RTP time) of 10 s
//   with one:                                           capture = NTP time + fastest (arrival − NTP time) of 10 s,
//                                                       one offset for all streams of the sender: lip sync
//
// "Fastest" stands for the least network delay, so capture means "as if every packet had come as fast as the fastest".
// Changes of the target are slewed, never jumped: 10 ms a second; 50 ms a second when more than 40 ms off (a viewer
// would see it); 500 ms a second in a stream's first second, where nothing is settled yet. Only when the sender's own
// timestamps jump (more than 3 s against arrival) is the mapping started anew.
//
// A sender report that disagrees with arrival by more than 5 s, or with what the reports so far make of NTP time by
// more than 1 s (lips that far from the voice are a wrong report, and cannot be helped by waiting), is ignored and
// counted, unless three in a row agree with each other against us: then the sender's clock was set. SRS sends its
// players no report at all: arrival is all there is. Thread: the leg's executor, which all its sessions share. Sources:
// RFC 3550 §6.4.1.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/footprint.hpp"
#include "core/time.hpp"
#include "rtp/rtcp/rtcp.hpp"

namespace partyline::rtp {

/// The least value of the last ten seconds, in one-second buckets.
class SlidingMinimum {
 public:
  void add(int64_t value, core::TimePoint now);
  std::optional<int64_t> least() const;
  void clear() { *this = {}; }

 private:
  struct Bucket {
    int64_t second = -1;
    int64_t least = 0;
  };
  std::array<Bucket, 10> buckets_{};
  int64_t newest_ = -1;
};

class RemoteClock {
 public:
  using StreamId = size_t;

  StreamId add_stream(uint32_t clock_rate);
  void remove_stream(StreamId id);
  /// Another source or clock rate: what is known of the stream is forgotten.
  void restart_stream(StreamId id, uint32_t clock_rate);
  /// For each packet, before capture() of its frame. False when the sender's timestamps have jumped.
  bool on_packet(StreamId id, int64_t rtp_time, core::TimePoint arrival);
  /// False when the report is not to be believed.
  bool on_sender_report(StreamId id, rtcp::NtpTime ntp, int64_t rtp_time, core::TimePoint arrival);
  core::TimePoint capture(StreamId id, int64_t rtp_time, core::TimePoint now);
  /// True when captures of this stream come from sender reports.
  bool synchronised(StreamId id) const { return streams_[id].has_report; }
  /// Of a packet of the stream.
  void add_footprint(StreamId id, core::Footprint& footprint) const {
    footprint.add(streams_);
    footprint.add(streams_[id]);
  }

 private:
  struct Stream {
    bool used = true;
    uint32_t clock_rate = 90000;
    std::optional<int64_t> base;  ///< RTP time that counts as 0 ns
    core::TimePoint first_arrival;
    SlidingMinimum arrival_offset;  ///< arrival − RTP time, ns
    int strange_packets = 0;        ///< in a row that look like a timestamp jump
    bool has_report = false;
    int64_t report_offset = 0;  ///< NTP − RTP time, ns, from the last good report
    int strange_reports = 0;
    std::optional<int64_t> applied;  ///< capture − RTP time, ns
    core::TimePoint applied_at;
  };
  int64_t nanoseconds(const Stream& stream, int64_t rtp_time) const;
  std::optional<int64_t> target(const Stream& stream) const;

  std::vector<Stream> streams_;
  SlidingMinimum ntp_offset_;  ///< arrival − NTP, ns; all streams that have reports
};

}  // namespace partyline::rtp
