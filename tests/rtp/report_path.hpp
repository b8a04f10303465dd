// A sender that obeys ReportRate, a path with a queue, and a phone as Debian's baresip is one: a
// receiver report each 5 s (or as told), no NACK, a keyframe request each half second while its picture is broken.
// Packet by packet, in steps of a millisecond.
#pragma once

#include <algorithm>
#include <cmath>
#include <deque>
#include <random>
#include <utility>

#include "rtp/bandwidth/report_rate.hpp"

namespace partyline::rtp::test {

using namespace std::chrono_literals;
using core::Duration;
using core::TimePoint;

class ReportPath {
 public:
  explicit ReportPath(Duration every, uint32_t seed = 1) : report_every_(every), random_(seed) {}

  void run(Duration duration) {
    for (const TimePoint end = now + duration; now < end; now += 1ms) {
      make_picture();
      send_due();
      if (now >= next_sender_report_) send_sender_report();
      for (; !line_.empty() && line_.front().arrives <= now; line_.pop_front()) arrive(line_.front());
      if (broken_ && complains && now >= next_request_) request_keyframe();
      if (now >= next_report_) make_report();
      for (; !reports_.empty() && reports_.front().first <= now; reports_.pop_front())
        rate.on_report(reports_.front().second, now);
    }
  }
  /// Bits a second that come through.
  double take_rate(Duration over) {
    through_ = 0;
    run(over);
    return through_ / std::chrono::duration<double>(over).count();
  }
  double take_loss(Duration over) {
    all_sent_ = all_lost_ = 0;
    run(over);
    return all_lost_ / std::max(all_sent_, 1.0);
  }
  /// Until the rate is below (above) so much: seconds, `most` when it never is.
  double until(bool below, double rate_wanted, Duration most) {
    const TimePoint began = now;
    while (now - began < most && (rate.rate() < rate_wanted) != below) run(100ms);
    return std::chrono::duration<double>(now - began).count();
  }

  ReportRate rate;
  bool complains = false;  ///< asks for keyframes
  bool tells_jitter = true;
  double capacity = 4e6, wanted = 2e6, inherent = 0;  ///< bits a second; what the picture needs; share lost by chance
  Duration way = 20ms, longest_queue = 500ms;         ///< each way; beyond it packets are lost
  bool sends_reports = true;                          ///< by which the phone tells round trips
  bool dead = false;                                  ///< nothing gets to the phone
  bool reports_too = true;                            ///< it makes reports
  TimePoint now{1000h};

 private:
  struct Packet {
    uint16_t sequence = 0;
    uint32_t time = 0;
    size_t bytes = 0;
    bool keyframe = false, last = false, sender_report = false;
    TimePoint arrives{}, left{};
  };

  void make_picture() {
    if (now < next_picture_) return;
    next_picture_ = now + 40ms;
    const bool key = wants_keyframe_ && now - keyframe_at_ >= 490ms;
    const double share = std::uniform_real_distribution<double>(0.85, 1.15)(random_);
    auto bytes = static_cast<size_t>(std::min(rate.rate(), wanted) / 8 / 25 * share);
    if (key) {
      bytes *= 4;
      keyframe_at_ = now;
      wants_keyframe_ = false;
      rate.on_keyframe_sent();
    }
    time_ += 3600;
    while (bytes > 0) {
      const size_t piece = std::min<size_t>(bytes, 1200);
      bytes -= piece;
      pacer_.push_back({sequence_++, time_, std::max<size_t>(piece, 100), key, bytes == 0});
    }
  }
  void send_due() {
    const double pace = 2.5 * rate.rate() / 8000;  // bytes a step
    budget_ = std::min(budget_ + pace, 2400.0);
    for (; !pacer_.empty() && (budget_ > 0 || pacer_.size() > 200); pacer_.pop_front()) {
      budget_ -= static_cast<double>(pacer_.front().bytes);
      const Packet& packet = pacer_.front();
      rate.on_sent(Seq16{packet.sequence}, {packet.time}, packet.bytes, now);
      ++all_sent_;
      if (!enter(packet)) ++all_lost_;
    }
  }
  bool enter(Packet packet) {
    if (dead || std::uniform_real_distribution<double>(0, 1)(random_) < inherent) return false;
    line_free_ = std::max(line_free_, now);
    if (line_free_ - now > longest_queue) return false;
    line_free_ += std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(static_cast<double>(packet.bytes + 28) * 8 / capacity));
    packet.left = now;
    packet.arrives = line_free_ + way;
    line_.push_back(packet);
    return true;
  }
  void send_sender_report() {
    next_sender_report_ = now + 1s;
    if (!sends_reports) return;
    Packet packet;
    packet.sender_report = true;
    packet.bytes = 80;
    enter(packet);
  }
  void arrive(const Packet& packet) {
    if (packet.sender_report) {
      met_ = packet;
      return;
    }
    through_ += static_cast<double>(packet.bytes) * 8;
    const auto step = static_cast<uint16_t>(packet.sequence - highest_);
    if (came_ > 0 && step != 1) {
      missing_ += step - 1;
      broken_ = true;
    }
    highest_ = packet.sequence;
    // A whole keyframe mends it.
    if (packet.keyframe && packet.time != key_time_) {
      key_time_ = packet.time;
      key_whole_ = step == 1;
    } else if (packet.time == key_time_ && step != 1) {
      key_whole_ = false;
    }
    if (packet.keyframe && packet.last && key_whole_) broken_ = false;
    const double at_ms = std::chrono::duration<double, std::milli>(packet.arrives.time_since_epoch()).count();
    if (came_++ > 0) {
      const double apart = at_ms - last_ms_ - static_cast<int32_t>(packet.time - last_time_) / 90.0;
      jitter_ms_ += (std::abs(apart) - jitter_ms_) / 16;
    }
    last_ms_ = at_ms;
    last_time_ = packet.time;
  }
  void request_keyframe() {
    next_request_ = now + 500ms;
    rate.on_keyframe_request(now);
    wants_keyframe_ = true;
  }
  void make_report() {
    next_report_ = now + report_every_;
    if (came_ == 0 || !reports_too) return;
    PathReport report;
    const double lost = missing_ - missing_reported_, came = came_ - came_reported_;
    report.fraction_lost = std::floor(256 * lost / std::max(lost + came, 1.0)) / 256;
    report.lost_in_all = static_cast<int32_t>(missing_);
    report.highest = Seq16{highest_};
    report.jitter_ms = tells_jitter ? jitter_ms_ : 0;
    if (met_.sender_report && now - met_.arrives < 1500ms) report.round_trip = met_.arrives - met_.left + way;
    missing_reported_ = missing_;
    came_reported_ = came_;
    reports_.emplace_back(now + way, report);
  }

  const Duration report_every_;
  std::mt19937 random_;
  // Sending.
  TimePoint next_picture_{}, keyframe_at_{}, next_sender_report_{};
  uint16_t sequence_ = 65000;
  uint32_t time_ = 0;
  double budget_ = 0;
  bool wants_keyframe_ = true;
  std::deque<Packet> pacer_, line_;
  std::deque<std::pair<TimePoint, PathReport>> reports_;  ///< on their way back
  TimePoint line_free_{};
  double all_sent_ = 0, all_lost_ = 0;
  // Receiving.
  TimePoint next_request_{}, next_report_{now + 3s};
  uint16_t highest_ = 0;
  uint32_t key_time_ = 0, last_time_ = 0;
  bool key_whole_ = false, broken_ = false;
  double missing_ = 0, missing_reported_ = 0, came_ = 0, came_reported_ = 0, jitter_ms_ = 0, last_ms_ = 0, through_ = 0;
  Packet met_;
};

}  // namespace partyline::rtp::test
