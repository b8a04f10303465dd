#include "rtp/send_stream.hpp"

#include <cstdlib>

#include "core/random.hpp"

namespace partyline::rtp {
namespace {

using std::chrono::nanoseconds;
constexpr int64_t kSecond = 1'000'000'000;
constexpr std::chrono::seconds kNtpOfEpoch{3'944'678'400};  // 2025-01-01 in NTP seconds
constexpr int kFollow = 64;
constexpr double kAskedWeight = 1.0 / 256;

uint32_t some_ssrc(uint32_t wish) {
  while (wish == 0) wish = core::random_u32();
  return wish;
}

}  // namespace

rtcp::NtpTime media_ntp(core::TimePoint time) {
  return rtcp::to_ntp(nanoseconds(time.time_since_epoch()) + kNtpOfEpoch);
}

SendStream::SendStream(uint32_t ssrc, size_t history)
    : ssrc_(some_ssrc(ssrc)),
      sequence_(static_cast<uint16_t>(core::random_u32())),
      offset_(core::random_u32()),
      history_(history) {}

int64_t SendStream::units_since_anchor(core::TimePoint time) const {
  const int64_t ns = nanoseconds(time - anchor_->capture).count();
  int64_t seconds = ns / kSecond, rest = ns % kSecond;
  if (rest < 0) {
    rest += kSecond;
    --seconds;
  }
  return seconds * clock_rate_ + rest * clock_rate_ / kSecond;
}

core::Duration SendStream::duration_of(int64_t units) const {
  return std::chrono::duration_cast<core::Duration>(
      nanoseconds(units / clock_rate_ * kSecond + units % clock_rate_ * kSecond / clock_rate_));
}

RtpTime32 SendStream::stamp(const core::EncodedFrame& frame) {
  const int64_t rate = core::clock_rate_of(frame.codec);
  if (anchor_ && rate != clock_rate_) {
    // The wire's time line keeps its value and goes on at the new rate.
    anchor_->rtp_time += units_since_anchor(frame.capture);
    anchor_->capture = frame.capture;
    shift_ = anchor_->rtp_time - frame.rtp_time;
  }
  clock_rate_ = rate;
  if (!anchor_) anchor_ = Anchor{frame.capture, frame.rtp_time};
  const int64_t expected = anchor_->rtp_time + units_since_anchor(frame.capture);
  if (std::abs(frame.rtp_time + shift_ - expected) > rate) shift_ = expected - frame.rtp_time;
  const int64_t time = frame.rtp_time + shift_;
  const core::TimePoint modelled = anchor_->capture + duration_of(time - anchor_->rtp_time);
  anchor_ = Anchor{modelled + (frame.capture - modelled) / kFollow, time};
  return RtpTime32{static_cast<uint32_t>(time) + offset_};
}

RtpTime32 SendStream::stamp(core::TimePoint moment) const {
  if (!anchor_) return RtpTime32{offset_};
  return RtpTime32{static_cast<uint32_t>(anchor_->rtp_time + units_since_anchor(moment)) + offset_};
}

void SendStream::remember(const core::Buffer& packet, Seq16 sequence, size_t payload_bytes) {
  asked_again_ -= asked_again_ * kAskedWeight;
  ++packets_;
  bytes_ += payload_bytes;
  if (history_.empty()) return;
  history_[sequence.value % history_.size()] = {packet, sequence, std::nullopt};
}

const core::Buffer* SendStream::resend(Seq16 sequence, core::TimePoint now, core::Duration least_interval) {
  if (history_.empty()) return nullptr;
  Kept& kept = history_[sequence.value % history_.size()];
  if (kept.sequence != sequence || (kept.resent && now - *kept.resent < least_interval)) return nullptr;
  if (!kept.resent) asked_again_ += kAskedWeight;
  kept.resent = now;
  return &kept.packet;
}

const core::Buffer* SendStream::find(Seq16 sequence) const {
  if (history_.empty()) return nullptr;
  const Kept& kept = history_[sequence.value % history_.size()];
  return kept.sequence == sequence ? &kept.packet : nullptr;
}

rtcp::SenderReport SendStream::report(core::TimePoint now) const {
  const int64_t units = units_since_anchor(now);
  rtcp::SenderReport report;
  report.ssrc = ssrc_;
  report.ntp = media_ntp(anchor_->capture + duration_of(units));
  report.rtp_time = RtpTime32{static_cast<uint32_t>(anchor_->rtp_time + units) + offset_};
  report.packet_count = static_cast<uint32_t>(packets_);
  report.octet_count = static_cast<uint32_t>(bytes_);
  return report;
}

}  // namespace partyline::rtp
