#include "sfu/reception.hpp"

#include <algorithm>
#include <cmath>

namespace partyline::sfu {

using core::Duration;
using core::TimePoint;
using std::chrono::duration_cast;
using std::chrono::microseconds;

void ReceptionStats::receive(int64_t sequence, uint32_t timestamp, TimePoint now) {
  if (!first_) {
    first_ = sequence;
    highest_ = sequence;
  }
  first_ = std::min(*first_, sequence);
  ++received_;
  if (sequence < highest_) return;  // may have been sent again: its time says nothing
  highest_ = sequence;
  const int64_t arrival =
      duration_cast<microseconds>(now.time_since_epoch()).count() * static_cast<int64_t>(clock_rate_) / 1'000'000;
  // In 32 bits, so that a wrapping timestamp is no jump.
  const auto transit = static_cast<int64_t>(static_cast<uint32_t>(arrival) - timestamp);
  if (transit_) {
    const int64_t step = static_cast<int32_t>(static_cast<uint32_t>(transit) - static_cast<uint32_t>(*transit_));
    jitter_ += (std::abs(static_cast<double>(step)) - jitter_) / 16;
  }
  transit_ = transit;
}

Duration ReceptionStats::jitter() const {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(jitter_ / clock_rate_));
}

uint64_t ReceptionStats::lost() const {
  return first_ ? static_cast<uint64_t>(std::max<int64_t>(highest_ - *first_ + 1 - received_, 0)) : 0;
}

void ReceptionStats::receive_report(rtp::rtcp::NtpTime ntp, TimePoint now) {
  last_report_ = ntp.middle();
  last_report_at_ = now;
}

std::optional<rtp::rtcp::ReportBlock> ReceptionStats::report(uint32_t ssrc, TimePoint now) {
  if (!first_) return std::nullopt;
  const int64_t expected = highest_ - *first_ + 1;
  const int64_t expected_now = expected - expected_before_, received_now = received_ - received_before_;
  expected_before_ = expected;
  received_before_ = received_;
  rtp::rtcp::ReportBlock block;
  block.ssrc = ssrc;
  if (expected_now > 0 && received_now < expected_now)
    block.fraction_lost =
        static_cast<uint8_t>(std::min<int64_t>((expected_now - received_now) * 256 / expected_now, 255));
  block.cumulative_lost = static_cast<int32_t>(std::clamp<int64_t>(expected - received_, -0x800000, 0x7FFFFF));
  block.extended_highest_sequence = static_cast<uint32_t>(highest_);
  block.jitter = static_cast<uint32_t>(jitter_);
  if (last_report_ != 0) {
    block.last_sender_report = last_report_;
    block.delay_since_last = rtp::rtcp::to_compact(now - last_report_at_);
  }
  return block;
}

bool LossList::receive(int64_t sequence, TimePoint now, Duration patience) {
  if (!highest_) {
    highest_ = sequence;
    return true;
  }
  if (sequence <= *highest_) {
    const auto it = missing_.find(sequence);
    if (it == missing_.end()) return true;
    // Only an answer to a single request tells which request it answers.
    if (it->second.requests == 1) {
      const Duration sample = now - it->second.since;
      round_trip_ = std::clamp<Duration>((round_trip_ * 3 + sample) / 4, std::chrono::milliseconds(20),
                                         std::chrono::milliseconds(300));
    }
    missing_.erase(it);
    return true;
  }
  const int64_t gap = sequence - *highest_ - 1;
  const bool hopeless = missing_.size() + static_cast<size_t>(gap) > kMostMissing;
  if (hopeless) {
    missing_.clear();
  } else {
    for (int64_t lost = *highest_ + 1; lost < sequence; ++lost) missing_.emplace(lost, Entry{now, now + patience, 0});
  }
  highest_ = sequence;
  return !hopeless;
}

std::vector<rtp::Seq16> LossList::due(TimePoint now, size_t most, bool& gave_up) {
  std::vector<rtp::Seq16> result;
  for (auto it = missing_.begin(); it != missing_.end();) {
    Entry& entry = it->second;
    if (now - entry.since >= give_up_ || (entry.requests >= kMostRequests && now >= entry.next)) {
      gave_up = true;
      it = missing_.erase(it);
      continue;
    }
    if (now >= entry.next && result.size() < most) {
      result.push_back({static_cast<uint16_t>(it->first)});
      ++entry.requests;
      entry.next = now + round_trip_ * 5 / 4;
    }
    ++it;
  }
  return result;
}

void ArrivalLog::receive(rtp::Seq16 transport_sequence, TimePoint now) {
  const int64_t sequence = unwrapper_.unwrap(transport_sequence);
  if (next_base_ && sequence < *next_base_) return;  // reported lost already: too late to be of use
  if (arrivals_.size() < 2 * kMostArrivals) arrivals_.emplace_back(sequence, now);
}

bool ArrivalLog::take(rtp::rtcp::TransportFeedback& out) {
  constexpr microseconds kTick{250}, kReference{64000};
  out.packets.clear();
  if (arrivals_.empty()) return false;
  std::ranges::sort(arrivals_);  // of a duplicate, the first
  const int64_t last = arrivals_.back().first;
  int64_t base = next_base_.value_or(arrivals_.front().first);
  // A jump of the sender's numbering is no loss of thousands of packets.
  if (last - base >= static_cast<int64_t>(kMostArrivals) * 3 / 2) base = arrivals_.front().first;
  const auto ticks = [&](TimePoint at) { return duration_cast<microseconds>(at.time_since_epoch()) / kTick; };
  const auto reference = duration_cast<microseconds>(arrivals_.front().second.time_since_epoch()) / kReference;
  int64_t previous = reference * (kReference / kTick);
  out.base = {static_cast<uint16_t>(base)};
  out.count = count_++;
  out.reference = kReference * reference;
  int64_t next = base;
  for (const auto& [sequence, at] : arrivals_) {
    if (sequence < next) continue;  // a duplicate
    if (static_cast<size_t>(sequence - base) >= rtp::rtcp::kMaxTransportFeedback) break;
    for (; next < sequence; ++next) out.packets.push_back({});
    const int64_t tick = ticks(at);
    out.packets.push_back({true, kTick * (tick - previous)});
    previous = tick;
    ++next;
  }
  next_base_ = last + 1;
  arrivals_.clear();
  return true;
}

bool KeyframeWish::due(TimePoint now) {
  constexpr int kPatience = 10;
  if (!wanted_) return false;
  if (last_ && now - *last_ < (asked_ < kPatience ? kSpacing : kSpacing * 4)) return false;
  last_ = now;
  ++asked_;
  return true;
}

}  // namespace partyline::sfu
