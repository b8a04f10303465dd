// What we tell a publisher about what arrived: loss and jitter for receiver reports (RFC 3550 §6.4.1, A.3, A.8),
// packets to send again (RFC 4585 §6.2.1), arrival times for its bandwidth estimate (transport-cc). Pure logic, one
// owner.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "core/time.hpp"
#include "rtp/rtcp/rtcp.hpp"

namespace partyline::sfu {

class ReceptionStats {
 public:
  explicit ReceptionStats(uint32_t clock_rate) : clock_rate_(clock_rate) {}
  /// `sequence` unwrapped.
  void receive(int64_t sequence, uint32_t timestamp, core::TimePoint now);
  void receive_report(rtp::rtcp::NtpTime ntp, core::TimePoint now);
  core::Duration jitter() const;
  /// Packets, as reports count them.
  uint64_t lost() const;
  /// The block for the next receiver report; loss is counted since the last call.
  std::optional<rtp::rtcp::ReportBlock> report(uint32_t ssrc, core::TimePoint now);

 private:
  uint32_t clock_rate_;
  std::optional<int64_t> first_;
  int64_t highest_ = 0, received_ = 0, expected_before_ = 0, received_before_ = 0;
  std::optional<int64_t> transit_;  // clock units
  double jitter_ = 0;               // clock units
  uint32_t last_report_ = 0;
  core::TimePoint last_report_at_{};
};

/// Sequence numbers that are missing, and when to ask for them (again).
class LossList {
 public:
  static constexpr size_t kMostMissing = 256;
  static constexpr int kMostRequests = 8;
  static constexpr core::Duration kGiveUp = std::chrono::milliseconds(800);

  /// What has been missing for `give_up` is of no use any more.
  explicit LossList(core::Duration give_up = kGiveUp) : give_up_(give_up) {}
  /// False when so much is missing that only a keyframe helps; the list is then empty. `patience`: how long what is
  /// missing may merely be late, before it is asked for.
  bool receive(int64_t sequence, core::TimePoint now, core::Duration patience = {});
  /// Those to ask for now, ascending, at most `most`. `gave_up`: set when some will never come.
  std::vector<rtp::Seq16> due(core::TimePoint now, size_t most, bool& gave_up);
  size_t missing() const { return missing_.size(); }
  bool is_missing(int64_t sequence) const { return missing_.contains(sequence); }
  bool was_asked_for(int64_t sequence) const {
    const auto found = missing_.find(sequence);
    return found != missing_.end() && found->second.requests > 0;
  }

 private:
  struct Entry {
    core::TimePoint since, next;
    int requests = 0;
  };
  core::Duration give_up_;
  std::map<int64_t, Entry> missing_;
  std::optional<int64_t> highest_;
  core::Duration round_trip_ = std::chrono::milliseconds(80);  // learnt from what comes back
};

/// Arrivals by transport-wide sequence number, made into feedback messages without gaps between them.
class ArrivalLog {
 public:
  static constexpr size_t kMostArrivals = 400;

  void receive(rtp::Seq16 transport_sequence, core::TimePoint now);
  bool full() const { return arrivals_.size() >= kMostArrivals; }
  /// False when nothing has arrived since the last one.
  bool take(rtp::rtcp::TransportFeedback& out);

 private:
  rtp::SequenceUnwrapper unwrapper_;
  std::vector<std::pair<int64_t, core::TimePoint>> arrivals_;
  std::optional<int64_t> next_base_;
  uint8_t count_ = 0;
};

/// When to ask the publisher for a keyframe: at once, then every 500 ms (after ten times: 2 s) until one begins. Any
/// number of wishes in between are one.
class KeyframeWish {
 public:
  static constexpr core::Duration kSpacing = std::chrono::milliseconds(500);

  void wish() { wanted_ = true; }
  /// What was asked for before was lost with the rest, or is old.
  void wish_anew() {
    wanted_ = true;
    last_.reset();
  }
  void keyframe_began() {
    wanted_ = false;
    asked_ = 0;
  }
  /// Nobody waits for one any more.
  void drop() { keyframe_began(); }
  /// True when a request is to be sent now.
  bool due(core::TimePoint now);
  bool wanted() const { return wanted_; }

 private:
  bool wanted_ = false;
  int asked_ = 0;
  std::optional<core::TimePoint> last_;
};

}  // namespace partyline::sfu
