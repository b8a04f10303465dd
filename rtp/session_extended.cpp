// RTCP extended reports (RFC 3611) both ways: round trips for who sends nothing, and what a peer asks to be told.
#include <algorithm>

#include "rtp/session_impl.hpp"
#include "rtp/voice_quality.hpp"

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;

constexpr uint16_t kDeepestBuffer = 400;  // ms; the mixer waits for nothing that is later

}  // namespace

std::optional<core::Duration> round_trip_of(uint32_t last_report, uint32_t delay, core::TimePoint now) {
  const uint32_t compact = media_ntp(now).middle() - last_report - delay;
  if (compact > 10 * 65536u) return std::nullopt;  // negative, or not our report
  return std::chrono::duration_cast<core::Duration>(rtcp::compact_to_duration(compact));
}

void Session::Impl::receive_extended(const rtcp::ExtendedReport& report, core::TimePoint now) {
  for (const auto& entry : report.dlrr) {
    if (!sender_of(entry.ssrc) || entry.last_receiver_report == 0) continue;
    const auto sample = round_trip_of(entry.last_receiver_report, entry.delay_since_last, now);
    if (sample) on_round_trip(*sample, true);
  }
  if (!report.receiver_reference) return;
  // SRS writes our own media SSRC as the sender's, a peer that only receives one we do not know; the answer names it
  // back in any case.
  Track* track = sender_of(report.ssrc);
  if (!track) track = receiver_of(report.ssrc);
  for (const auto& any : tracks) {
    if (!track && any->was_sending) track = any.get();
  }
  if (!track) return;
  track->reference = rtcp::DlrrEntry{report.ssrc, report.receiver_reference->middle(), 0};
  track->reference_at = now;
}

// A packet is lost when sixteen later ones are here.
void Session::Impl::judge_losses(Track& track, int64_t sequence, int64_t rtp_time, bool in_order) {
  constexpr int64_t patience = 16, most = 500;
  if (in_order && track.last_audio_time && rtp_time > *track.last_audio_time) {
    track.packet_units = rtp_time - *track.last_audio_time;
  }
  track.last_audio_time = rtp_time;
  const int64_t last = sequence - patience;
  if (!track.judged_to) track.judged_to = sequence - 1;  // nothing is known of what was before the first
  if (last - *track.judged_to > most) track.judged_to = last;
  while (*track.judged_to < last) track.loss_runs.on_packet(!track.in.received(++*track.judged_to));
}

void Session::Impl::write_extended(Track& track, bool sending, bool received, rtcp::Writer& writer,
                                   core::TimePoint now) const {
  const uint32_t ssrc = track.out.ssrc();
  if (track.reference) {
    track.reference->delay_since_last = rtcp::to_compact(now - track.reference_at);
    writer.dlrr(ssrc, {&*track.reference, 1});
    track.reference.reset();
  }
  if (received && track.config.voip_metrics) write_voip_metrics(track, writer);
  const StatisticsWish& wish = track.config.statistics;
  if (auto summary = received && wish.any() ? track.summary.take() : std::nullopt) {
    summary->ssrc = track.in.ssrc();
    if (!wish.loss) summary->lost.reset();
    if (!wish.duplicates) summary->duplicates.reset();
    if (!wish.jitter) summary->jitter.reset();
    writer.statistics_summary(ssrc, *summary);
  }
  // Who sends nothing learns the round trip only this way (§4.4).
  const bool tells = track.config.feedback_profile || track.config.receiver_reference;
  if (!sending && tells) writer.receiver_reference(ssrc, media_ntp(now));
}

void Session::Impl::write_voip_metrics(const Track& track, rtcp::Writer& writer) const {
  const auto milliseconds = [](double value) { return static_cast<uint16_t>(std::clamp(value, 0.0, 65535.0)); };
  const auto ms = [&](core::Duration time) { return std::chrono::duration<double, std::milli>(time).count(); };
  const LossRuns::Summary runs = track.loss_runs.summary();
  const double packet_ms = static_cast<double>(track.packet_units) * 1000 / std::max(1u, track.in.clock_rate());
  const auto arrived = static_cast<double>(track.stats.packets_received);
  const auto late = static_cast<double>(track.stats.packets_late + playout_late);
  rtcp::VoipMetrics metrics;
  metrics.ssrc = track.in.ssrc();
  metrics.lost = runs.lost;
  // Of all that the sender sent, duplicates left out (§4.7.1).
  metrics.discarded = arrived > 0 ? std::min(1.0, late / arrived) * (1 - runs.lost) : 0;
  const double missing = runs.lost + metrics.discarded;
  metrics.burst_density = runs.burst_density;
  metrics.gap_density = runs.gap_density;
  metrics.burst_ms = milliseconds(runs.burst_packets * packet_ms);
  metrics.gap_ms = milliseconds(runs.gap_packets * packet_ms);
  const core::Duration way = round_trip.value_or(0ms);
  metrics.round_trip_ms = milliseconds(ms(way));
  // Playing and sending: a packet is made in each direction.
  metrics.end_system_ms = milliseconds(ms(playout_delay) + packet_ms);
  const core::Codec codec = track.last_format ? track.last_format->codec : core::Codec::pcmu;
  metrics.rating = transmission_rating(codec, missing, way / 2 + playout_delay);
  metrics.listening_score = opinion_score(transmission_rating(codec, missing, 0ms));
  metrics.conversation_score = opinion_score(metrics.rating);
  metrics.buffer_ms = milliseconds(ms(playout_delay));
  metrics.buffer_most_ms = kDeepestBuffer;
  writer.voip_metrics(track.out.ssrc(), metrics);
}

}  // namespace partyline::rtp
