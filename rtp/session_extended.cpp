// RTCP extended reports (RFC 3611) both ways: round trips for who sends nothing, and what a peer asks to be told.
#include <algorithm>

#include "rtp/session_impl.hpp"
#include "rtp/voice_quality.hpp"

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;

// How much later than the soonest a packet may be for the mixer's playout to adapt to it
// (mixer/audio/delay_window.cpp).
constexpr core::Duration kDeepestBuffer = 400ms;
constexpr core::Duration kLongestPacket = 120ms;  // Opus' (RFC 7587 §4.2); a longer step is a silence

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
  // SRS writes our own media SSRC as the sender's, a peer that only receives one we do not know: the answer goes with
  // the reports of what we send. Who is sent nothing gets none.
  Track* track = sender_of(report.ssrc);
  if (!track) track = receiver_of(report.ssrc);
  for (const auto& any : tracks) {
    if (!track && any->was_sending) track = any.get();
  }
  if (!track) return;
  track->reference = rtcp::DlrrEntry{report.ssrc, report.receiver_reference->middle(), 0};
  track->reference_at = now;
}

void Session::Impl::begin_voice_figures(Track& track) const {
  track.voice = {};
  track.voice.received_before = track.stats.packets_received;
  track.voice.late_before = track.stats.packets_late + playout_late;
}

void Session::Impl::note_arrival(Track& track, const ReceiveStream::Arrival& arrival, Seq16 wire) {
  if (track.config.statistics.any()) {
    if (arrival.restarted) track.summary.restart();
    track.summary.on_packet(arrival.sequence, wire);
  }
  if (track.config.voip_metrics && !track.video()) {
    if (arrival.restarted) track.voice.loss_runs.restart_numbers();
    track.voice.loss_runs.on_arrival(arrival.sequence);
  }
}

void Session::Impl::note_packet_time(Track& track, int64_t sequence, int64_t rtp_time, bool noise) {
  const auto& last = track.voice.last;
  // Across lost packets, key presses, noise and silence a step is no packet's length.
  if (last && !noise && sequence == last->sequence + 1 && rtp_time > last->time &&
      (rtp_time - last->time) * 1s <= kLongestPacket * int64_t{track.in.clock_rate()}) {
    track.voice.packet_units = rtp_time - last->time;
  }
  track.voice.last.reset();
  if (!noise) track.voice.last = {sequence, rtp_time};
}

void Session::Impl::write_extended(Track& track, bool sending, bool received, rtcp::Writer& writer,
                                   core::TimePoint now) {
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
  const VoiceFigures& voice = track.voice;
  const LossRuns::Summary runs = voice.loss_runs.summary();
  const double packet_ms = static_cast<double>(voice.packet_units) * 1000 / std::max(1u, track.in.clock_rate());
  const auto arrived = static_cast<double>(track.stats.packets_received - voice.received_before);
  const uint64_t all_late = track.stats.packets_late + playout_late;
  const auto late = static_cast<double>(all_late - std::min(all_late, voice.late_before));
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
  metrics.rating = transmission_rating(codec, missing, mouth_to_ear(way, playout_delay));
  metrics.listening_score = opinion_score(transmission_rating(codec, missing, 0ms));
  metrics.conversation_score = opinion_score(metrics.rating);
  metrics.buffer_ms = milliseconds(ms(playout_delay));
  metrics.buffer_most_ms = milliseconds(ms(std::max(kDeepestBuffer, playout_delay)));
  writer.voip_metrics(track.out.ssrc(), metrics);
}

}  // namespace partyline::rtp
