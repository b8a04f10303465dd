#include "rtp/jitter/receive_stream.hpp"

#include <algorithm>
#include <cmath>

namespace partyline::rtp {
namespace {

constexpr int64_t kMaxDropout = 3000, kMaxMisorder = 500;

}  // namespace

void ReceiveStream::start(uint32_t ssrc, uint32_t clock_rate) {
  lost_in_earlier_numberings_ = lost();
  next_after_restart_ = highest_ ? *highest_ + 1 : 0;
  active_ = true;
  ssrc_ = ssrc;
  clock_rate_ = std::max(clock_rate, 1u);
  highest_.reset();
  expected_restart_.reset();
  window_.fill(0);
  time_unwrapper_.reset();
  rebase_due_ = last_time_.has_value();
  received_ = expected_before_ = received_before_ = 0;
  jitter_ = 0;
  last_transit_.reset();
  last_sender_report_ = 0;
}

void ReceiveStream::restart_at(Seq16 sequence) {
  // The numbering starts at the wire's number for a first source, and goes on by one for all later ones.
  int64_t next = next_after_restart_ == 0 ? sequence.value : next_after_restart_;
  if (highest_) {
    lost_in_earlier_numberings_ = lost();
    next = *highest_ + 1;
  }
  highest_ = first_ = next;
  highest_wire_ = sequence.value;
  window_.fill(0);
  received_ = expected_before_ = received_before_ = 0;
  expected_restart_.reset();
}

void ReceiveStream::advance_to(int64_t sequence) {
  const int64_t steps = std::min(sequence - *highest_, kWindow);
  for (int64_t s = sequence - steps + 1; s <= sequence; ++s) {
    window_[index(s)] &= ~(uint64_t{1} << bit(s));
  }
  highest_ = sequence;
}

ReceiveStream::Arrival ReceiveStream::receive(const PacketView& packet, core::TimePoint now) {
  Arrival arrival;
  last_packet_ = now;
  if (!highest_) {
    arrival.restarted = next_after_restart_ != 0;
    restart_at(packet.sequence);
    arrival.in_order = arrival.newest = true;
  } else {
    const int64_t delta = static_cast<int16_t>(static_cast<uint16_t>(packet.sequence.value - highest_wire_));
    if (delta > kMaxDropout || delta < -kMaxMisorder) {
      if (expected_restart_ != packet.sequence) {
        expected_restart_ = Seq16{static_cast<uint16_t>(packet.sequence.value + 1)};
        return arrival;
      }
      restart_at(packet.sequence);
      arrival.restarted = arrival.in_order = arrival.newest = true;
    } else if (delta > 0) {
      advance_to(*highest_ + delta);
      highest_wire_ = packet.sequence.value;
      arrival.in_order = delta == 1;
      arrival.skipped = delta - 1;
      arrival.newest = true;
    } else if (seen(*highest_ + delta)) {
      arrival.verdict = Verdict::duplicate;
      return arrival;
    } else {
      arrival.sequence = *highest_ + delta;
    }
    if (delta > 0 || arrival.restarted) arrival.sequence = *highest_;
    if (!arrival.restarted && arrival.sequence < first_) first_ = arrival.sequence;
  }
  if (arrival.in_order) arrival.sequence = *highest_;
  arrival.verdict = Verdict::fresh;
  mark(arrival.sequence);
  ++received_;
  return arrival;
}

std::optional<int64_t> ReceiveStream::receive_repeated(Seq16 sequence) {
  if (!highest_) return std::nullopt;
  const int64_t delta = static_cast<int16_t>(static_cast<uint16_t>(sequence.value - highest_wire_));
  // Ahead of all that came: its turn is over or never was; what is really missing is behind the highest.
  if (delta >= 0 || delta < -kWindow || seen(*highest_ + delta)) return std::nullopt;
  mark(*highest_ + delta);
  return *highest_ + delta;
}

void ReceiveStream::rebase_time(RtpTime32 timestamp, core::TimePoint now) {
  time_unwrapper_.reset();
  const int64_t wire = time_unwrapper_.unwrap(timestamp);
  if (!last_time_) {
    time_shift_ = 0;
    return;
  }
  const double passed = std::chrono::duration<double>(now - last_time_at_).count();
  time_shift_ = *last_time_ + std::max<int64_t>(1, std::llround(passed * clock_rate_)) - wire;
}

int64_t ReceiveStream::receive_time(RtpTime32 timestamp, core::TimePoint now) {
  if (rebase_due_) rebase_time(timestamp, now);
  rebase_due_ = false;
  count_jitter(timestamp, now);
  const int64_t time = time_unwrapper_.unwrap(timestamp) + time_shift_;
  if (!last_time_ || time > *last_time_) {
    last_time_ = time;
    last_time_at_ = now;
  }
  return time;
}

std::optional<int64_t> ReceiveStream::time_of_report(RtpTime32 timestamp) const {
  if (!last_time_ || rebase_due_) return std::nullopt;
  return time_unwrapper_.peek(timestamp) + time_shift_;
}

void ReceiveStream::count_jitter(RtpTime32 timestamp, core::TimePoint now) {
  const double seconds = std::chrono::duration<double>(now.time_since_epoch()).count();
  const auto arrival = static_cast<uint32_t>(static_cast<int64_t>(std::fmod(seconds, 40000.0) * clock_rate_));
  const uint32_t transit = arrival - timestamp.value;
  transit_difference_.reset();
  if (last_transit_) {
    const double difference = std::abs(static_cast<double>(static_cast<int32_t>(transit - *last_transit_)));
    // A jump of the sender's clock is not jitter.
    if (difference < 3.0 * clock_rate_) {
      jitter_ += (difference - jitter_) / 16;
      transit_difference_ = difference;
    }
  }
  last_transit_ = transit;
}

void ReceiveStream::on_sender_report(rtcp::NtpTime ntp, core::TimePoint now) {
  last_sender_report_ = ntp.middle();
  last_sender_report_at_ = now;
}

uint64_t ReceiveStream::lost() const {
  if (!highest_) return lost_in_earlier_numberings_;
  const auto expected = static_cast<uint64_t>(*highest_ - first_ + 1);
  return lost_in_earlier_numberings_ + (expected > received_ ? expected - received_ : 0);
}

rtcp::ReportBlock ReceiveStream::report(core::TimePoint now) {
  rtcp::ReportBlock block;
  block.ssrc = ssrc_;
  if (!highest_) return block;
  const auto expected = static_cast<uint64_t>(*highest_ - first_ + 1);
  const int64_t expected_now = static_cast<int64_t>(expected - expected_before_);
  const int64_t lost_now = expected_now - static_cast<int64_t>(received_ - received_before_);
  if (expected_now > 0 && lost_now > 0) {
    block.fraction_lost = static_cast<uint8_t>(std::min<int64_t>(255, lost_now * 256 / expected_now));
  }
  expected_before_ = expected;
  received_before_ = received_;
  block.cumulative_lost = static_cast<int32_t>(static_cast<int64_t>(expected) - static_cast<int64_t>(received_));
  // Wire numbering: cycles counted since this numbering began.
  const auto first_wire = static_cast<uint16_t>(highest_wire_ - static_cast<uint16_t>(*highest_ - first_));
  block.extended_highest_sequence = static_cast<uint32_t>(first_wire + (*highest_ - first_));
  block.jitter = static_cast<uint32_t>(jitter_);
  block.last_sender_report = last_sender_report_;
  if (last_sender_report_ != 0) block.delay_since_last = rtcp::to_compact(now - last_sender_report_at_);
  return block;
}

}  // namespace partyline::rtp
