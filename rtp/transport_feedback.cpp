#include "rtp/transport_feedback.hpp"

#include <algorithm>

namespace partyline::rtp {
namespace {

using std::chrono::microseconds;
constexpr microseconds kUnit{250}, kReference{64000};
constexpr size_t kMaxArrivals = 2048;
constexpr int64_t kMaxGap = 1000;     // packets lost before a block that are still reported
constexpr int64_t kMaxSpan = 1200;    // numbers a message: fits 1200 bytes as long as most arrived
constexpr size_t kMaxReceived = 500;  // deltas a message: two bytes each at worst

}  // namespace

void ArrivalRecorder::record(Seq16 sequence, uint32_t media_ssrc, core::TimePoint now) {
  if (arrivals_.size() >= kMaxArrivals) return;
  media_ssrc_ = media_ssrc;
  arrivals_.push_back({unwrapper_.unwrap(sequence), now});
}

bool ArrivalRecorder::take(rtcp::TransportFeedback& out) {
  out.packets.clear();
  if (arrivals_.empty()) return false;
  std::sort(arrivals_.begin(), arrivals_.end(),
            [](const Arrival& a, const Arrival& b) { return a.sequence < b.sequence; });
  const int64_t first = arrivals_.front().sequence;
  const int64_t base = next_ && *next_ <= first && first - *next_ < kMaxGap ? *next_ : first;
  const auto since_epoch = [](core::TimePoint t) {
    return std::chrono::duration_cast<microseconds>(t.time_since_epoch());
  };
  out.media_ssrc = media_ssrc_;
  out.base = Seq16{static_cast<uint16_t>(base)};
  const int64_t reference = since_epoch(arrivals_.front().at) / kReference;
  out.reference = kReference * reference;
  microseconds last = out.reference;
  int64_t sequence = base;
  size_t taken = 0, received = 0;
  for (; taken < arrivals_.size() && received < kMaxReceived; ++taken) {
    const Arrival& arrival = arrivals_[taken];
    if (arrival.sequence < sequence) continue;  // twice
    if (arrival.sequence - base >= kMaxSpan) break;
    const auto units = (since_epoch(arrival.at) - last) / kUnit;
    if (units > INT16_MAX || units < INT16_MIN) break;
    for (; sequence < arrival.sequence; ++sequence) out.packets.push_back({});
    out.packets.push_back({true, kUnit * units});
    last += kUnit * units;
    ++sequence;
    ++received;
  }
  arrivals_.erase(arrivals_.begin(), arrivals_.begin() + static_cast<std::ptrdiff_t>(std::max<size_t>(taken, 1)));
  next_ = sequence;
  out.count = count_++;
  return !out.packets.empty();
}

}  // namespace partyline::rtp
