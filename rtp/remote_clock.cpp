#include "rtp/remote_clock.hpp"

#include <algorithm>
#include <cstdlib>

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kTimestampJump = 3 * kSecond;
constexpr int64_t kAbsurdReport = 5 * kSecond;
constexpr int64_t kDisagreement = kSecond;
constexpr int kStrangeInARow = 3;

int64_t ns_of(core::TimePoint time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

/// How far the mapping may move in `elapsed`.
int64_t slew_limit(int64_t distance, core::Duration elapsed, core::Duration age) {
  const int64_t per_second = std::abs(distance) <= 40 * kMillisecond ? 10 : age < 1s ? 500 : 50;  // ms
  const auto ns = std::clamp<int64_t>(std::chrono::nanoseconds(elapsed).count(), 0, kSecond);
  return ns / 1000 * per_second;
}

}  // namespace

void SlidingMinimum::add(int64_t value, core::TimePoint now) {
  const int64_t second = ns_of(now) / kSecond;
  Bucket& bucket = buckets_[static_cast<size_t>(second) % buckets_.size()];
  bucket.least = bucket.second == second ? std::min(bucket.least, value) : value;
  bucket.second = second;
  newest_ = second;
}

std::optional<int64_t> SlidingMinimum::least() const {
  std::optional<int64_t> result;
  for (const Bucket& bucket : buckets_) {
    if (bucket.second < 0 || bucket.second + static_cast<int64_t>(buckets_.size()) <= newest_) continue;
    result = result ? std::min(*result, bucket.least) : bucket.least;
  }
  return result;
}

RemoteClock::StreamId RemoteClock::add_stream(uint32_t clock_rate) {
  const auto free = std::find_if(streams_.begin(), streams_.end(), [](const Stream& s) { return !s.used; });
  const auto id = static_cast<StreamId>(free - streams_.begin());
  if (free == streams_.end()) streams_.emplace_back();
  restart_stream(id, clock_rate);
  return id;
}

void RemoteClock::remove_stream(StreamId id) {
  streams_[id].used = false;
}

void RemoteClock::restart_stream(StreamId id, uint32_t clock_rate) {
  streams_[id] = Stream{};
  streams_[id].clock_rate = std::max(clock_rate, 1u);
}

int64_t RemoteClock::nanoseconds(const Stream& stream, int64_t rtp_time) const {
  const int64_t units = rtp_time - stream.base.value_or(rtp_time);
  const int64_t rate = stream.clock_rate;
  return units / rate * kSecond + units % rate * kSecond / rate;
}

std::optional<int64_t> RemoteClock::target(const Stream& stream) const {
  if (stream.has_report) {
    if (const auto offset = ntp_offset_.least()) return stream.report_offset + *offset;
  }
  return stream.arrival_offset.least();
}

bool RemoteClock::on_packet(StreamId id, int64_t rtp_time, core::TimePoint arrival) {
  Stream& stream = streams_[id];
  if (!stream.base) {
    stream.base = rtp_time;
    stream.first_arrival = arrival;
  }
  int64_t offset = ns_of(arrival) - nanoseconds(stream, rtp_time);
  bool steady = true;
  if (const auto least = stream.arrival_offset.least(); least && std::abs(offset - *least) > kTimestampJump) {
    if (++stream.strange_packets < kStrangeInARow) return true;
    restart_stream(id, stream.clock_rate);
    stream.base = rtp_time;
    stream.first_arrival = arrival;
    offset = ns_of(arrival);
    steady = false;
  }
  stream.strange_packets = 0;
  stream.arrival_offset.add(offset, arrival);
  if (stream.has_report) ntp_offset_.add(offset - stream.report_offset, arrival);
  return steady;
}

bool RemoteClock::on_sender_report(StreamId id, rtcp::NtpTime ntp, int64_t rtp_time, core::TimePoint arrival) {
  Stream& stream = streams_[id];
  const auto by_arrival = stream.arrival_offset.least();
  if (!by_arrival || ntp.value == 0) return false;  // §6.4.1: 0 when the sender has no clock
  const int64_t rtp_ns = nanoseconds(stream, rtp_time);
  const bool timely = std::abs(ns_of(arrival) - (rtp_ns + *by_arrival)) <= kAbsurdReport;
  const int64_t report_offset = rtcp::to_duration(ntp).count() - rtp_ns;
  const int64_t ntp_offset = *by_arrival - report_offset;  // arrival − NTP as this report has it
  const auto shared = ntp_offset_.least();
  const bool agrees = !shared || std::abs(ntp_offset - *shared) <= kDisagreement;
  if (!timely || !agrees) {
    if (!timely || ++stream.strange_reports < kStrangeInARow) return false;
    ntp_offset_.clear();  // the sender's clock was set
    for (Stream& other : streams_) other.has_report = false;
  }
  stream.strange_reports = 0;
  stream.has_report = true;
  stream.report_offset = report_offset;
  ntp_offset_.add(ntp_offset, arrival);
  return true;
}

core::TimePoint RemoteClock::capture(StreamId id, int64_t rtp_time, core::TimePoint now) {
  Stream& stream = streams_[id];
  const auto wanted = target(stream);
  if (!wanted) return now;
  if (!stream.applied) {
    stream.applied = *wanted;
  } else {
    const int64_t distance = *wanted - *stream.applied;
    const int64_t most = slew_limit(distance, now - stream.applied_at, now - stream.first_arrival);
    *stream.applied += std::clamp(distance, -most, most);
  }
  stream.applied_at = now;
  return core::TimePoint(std::chrono::duration_cast<core::Duration>(
      std::chrono::nanoseconds(nanoseconds(stream, rtp_time) + *stream.applied)));
}

}  // namespace partyline::rtp
