// How a session is set up, and what it keeps and forgets when it is negotiated anew.
#include <algorithm>
#include <utility>

#include "core/random.hpp"
#include "rtp/session_impl.hpp"

namespace partyline::rtp {
namespace {

constexpr size_t kVideoHistory = 2048, kAudioHistory = 128;  // packets; video: over 1 s up to 20 Mbit/s

// Who cannot ask for a packet again needs none kept: a thousand phones' would be a quarter of a gigabyte that every
// packet sent has to pass through the processor's caches.
size_t history_wanted(const TrackConfig& config) {
  const auto repairs = [](const PayloadFormat& format) { return format.nack; };
  const bool asked_for = (config.send_format && config.send_format->nack) ||
                         std::any_of(config.receive_formats.begin(), config.receive_formats.end(), repairs);
  if (!asked_for) return 0;
  return config.kind == core::MediaKind::video ? kVideoHistory : kAudioHistory;
}

}  // namespace

Track::Track(TrackConfig with, RemoteClock& clock)
    : config(std::move(with)),
      out(config.local_ssrc, history_wanted(config)),
      clock_id(clock.add_stream(config.kind == core::MediaKind::video ? 90000 : 8000)),
      picture_id(static_cast<uint16_t>(core::random_u32() & 0x7FFF)) {
  event_sequences.fill(INT64_MIN);
  recovered.fill(INT64_MIN);
  assembler.set_parameter_sets(config.parameter_sets);
  if (config.bandwidth) pacer.set_target(*config.bandwidth);
}

Session::Impl::Impl(SessionConfig with, SessionEvents& events, core::TimePoint now)
    : config(std::move(with)),
      outbox(events),
      counters(SessionCounters::get()),
      clock(config.remote_clock ? config.remote_clock : std::make_shared<RemoteClock>()),
      congestion(config.congestion ? config.congestion : std::make_shared<TransportCongestion>()),
      estimator(congestion->estimator) {
  config.max_packet_bytes = std::clamp<size_t>(config.max_packet_bytes, 200, 9000);
  reconfigure(std::move(config.tracks), now, Path::same);
}

Session::Impl::~Impl() {
  for (const auto& track : tracks) clock->remove_stream(track->clock_id);
}

void Session::Impl::adopt(Track& track, TrackConfig wanted, core::TimePoint now) {
  const bool resumes = wanted.receiving && !track.config.receiving;
  // What was not counted for a while would count as lost.
  if (wanted.voip_metrics && !track.config.voip_metrics) begin_voice_figures(track);
  if (wanted.statistics.any() && !track.config.statistics.any()) track.summary.restart();
  track.config = std::move(wanted);
  track.out.keep(history_wanted(track.config));
  if (track.config.bandwidth) track.pacer.set_target(*track.config.bandwidth);
  if (resumes && track.video() && track.in.active()) track.keyframes.want(now);
  track.assembler.set_parameter_sets(track.config.parameter_sets);
}

void Session::Impl::reconfigure(std::vector<TrackConfig> configs, core::TimePoint now, Path path) {
  std::vector<std::unique_ptr<Track>> kept;
  for (TrackConfig& wanted : configs) {
    // The same mid, else any section of the kind that is not taken yet.
    const auto match = [&](bool by_mid) {
      return std::find_if(tracks.begin(), tracks.end(), [&](const auto& track) {
        return track && track->config.kind == wanted.kind && (!by_mid || track->config.mid == wanted.mid);
      });
    };
    auto found = match(true);
    if (found == tracks.end()) found = match(false);
    if (found == tracks.end()) {
      kept.push_back(std::make_unique<Track>(std::move(wanted), *clock));
      continue;
    }
    adopt(**found, std::move(wanted), now);
    kept.push_back(std::move(*found));
  }
  for (const auto& track : tracks) {
    if (track) clock->remove_stream(track->clock_id);
  }
  tracks = std::move(kept);
  forget_what_is_told_no_more();
  if (path == Path::another) forget_path();
  announce_again = true;  // who held has forgotten it
  for (const auto& track : tracks) {
    if (track->video() && track->config.bandwidth) estimator.set_start(*track->config.bandwidth);
  }
}

void Session::Impl::begin_estimate() {
  const core::Bitrate wish = estimator.wish();
  estimator = BandwidthEstimator();
  estimator.set_wish(wish);
}

// A call was handed to somebody else, or went on elsewhere.
void Session::Impl::forget_path() {
  if (config.leads) begin_estimate();
  set_peer_limit({});
  round_trip.reset();
  round_trip_variation = {};
  round_trip_measured = false;
  for (const auto& track : tracks) {
    track->pacer.set_round_trip({});
    track->expected_loss = {};
    track->reference.reset();
    track->stats.round_trip_ms = track->stats.peer_fraction_lost = 0;
    track->stats.reported_at = {};
  }
}

// A call was handed to a peer that knows less than the one before: the last one's word would hold for ever.
void Session::Impl::forget_what_is_told_no_more() {
  const Track* const video = video_sender();
  if (!video || !video->config.send_format) return;
  if (estimator.has_feedback() && video->config.transport_cc_extension == 0) begin_estimate();
  if (!video->config.send_format->remb && !video->config.send_format->tmmbr) set_peer_limit({});
}

}  // namespace partyline::rtp
