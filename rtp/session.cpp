#include "rtp/session.hpp"

#include <algorithm>

#include "rtp/session_impl.hpp"

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;

constexpr core::Duration kWaitWithoutNack = 50ms, kLeastWait = 300ms, kMostWait = 1s;
// A repair that is lost itself costs another round trip. Where two of them would be seen as a freeze, and losses are
// many, requests and repairs go twice: at 10 % loss that is a tenth more packets, where a parity code that did the same
// for pictures of few packets would need a third more.
constexpr double kLossy = 0.03, kFull = 0.25;  // beyond, the path is full and more packets make it worse
constexpr core::Duration kLongRoundTrip = 60ms;
constexpr core::Duration kSameReports = 10s;  // RTCP's usual interval is 5 s
constexpr core::Duration kVideoTick = 10ms, kAudioTick = 100ms, kPlainAudioTick = 500ms;

core::Counter& dropped(const char* reason) {
  return core::counter("partyline_rtp_dropped_total", std::string("reason=\"") + reason + '"');
}

}  // namespace

const SessionCounters& SessionCounters::get() {
  static const SessionCounters counters{
      dropped("malformed"),
      dropped("unknown_payload_type"),
      dropped("unknown_ssrc"),
      dropped("probation"),
      dropped("not_receiving"),
      dropped("duplicate"),
      dropped("late"),
      core::counter("partyline_rtp_frames_dropped_total", "reason=\"broken\""),
      core::counter("partyline_rtp_frames_dropped_total", "reason=\"before_keyframe\""),
      core::counter("partyline_rtp_frames_dropped_total", "reason=\"without_parameter_sets\""),
      core::counter("partyline_rtp_frames_dropped_total", "reason=\"undecodable\""),
      core::counter("partyline_rtp_frames_dropped_total", "reason=\"not_sending\""),
      dropped("nal_too_large"),
      core::counter("partyline_rtcp_dropped_total", "reason=\"malformed\""),
      core::counter("partyline_rtcp_dropped_total", "reason=\"unknown_ssrc\""),
      core::counter("partyline_rtcp_dropped_total", "reason=\"absurd_sender_report\""),
      core::counter("partyline_rtcp_dropped_total", "reason=\"nacked_packet_gone\""),
      dropped("rtx_padding"),
      dropped("rtx_useless"),
      core::counter("partyline_rtcp_dropped_total", "reason=\"resend_over_budget\""),
      core::counter("partyline_rtcp_dropped_total", "reason=\"keyframe_under_way\""),
  };
  return counters;
}

const PayloadFormat* Track::format_of(uint8_t payload_type) const {
  const auto found = std::find_if(config.receive_formats.begin(), config.receive_formats.end(),
                                  [&](const PayloadFormat& f) { return f.payload_type == payload_type; });
  return found == config.receive_formats.end() ? nullptr : &*found;
}

bool Track::has_remote_ssrc(uint32_t ssrc) const {
  return std::find(config.remote_ssrcs.begin(), config.remote_ssrcs.end(), ssrc) != config.remote_ssrcs.end();
}

void Track::fold_event(int64_t sequence, uint32_t time) {
  const auto place = [&](int64_t n) -> int64_t& {
    return event_sequences[static_cast<size_t>(n) % event_sequences.size()];
  };
  const int64_t last = events_folded > 0 ? place(events_folded - 1) : INT64_MIN;
  const bool goes_on = event_time == time && last > highest_audio.value_or(INT64_MIN) && sequence - last <= 8;
  for (int64_t s = goes_on ? last + 1 : sequence; s <= sequence; ++s) place(events_folded++) = s;
  event_time = time;
}

uint32_t Track::remote_ssrc() const {
  if (in.active()) return in.ssrc();
  return config.remote_ssrcs.empty() ? 0 : config.remote_ssrcs.front();
}

core::Duration Session::Impl::retry_interval() const {
  if (!round_trip) return 50ms;
  return *round_trip + std::clamp<core::Duration>(round_trip_variation * 4, 10ms, *round_trip + 10ms);
}

bool Session::Impl::lossy_and_long(double loss) const {
  return loss >= kLossy && loss <= kFull && round_trip && *round_trip >= kLongRoundTrip;
}

void Session::Impl::on_round_trip(core::Duration sample, bool measured) {
  if (round_trip_measured && !measured) return;
  const bool first = !round_trip || (measured && !round_trip_measured);
  round_trip_measured = round_trip_measured || measured;
  const core::Duration off = first ? sample / 8 : sample > *round_trip ? sample - *round_trip : *round_trip - sample;
  round_trip_variation = first ? off : round_trip_variation * 3 / 4 + off / 4;  // as RFC 6298 §2.3
  round_trip = first ? sample : *round_trip * 7 / 8 + sample / 8;
  if (Track* const video = video_sender()) video->pacer.set_round_trip(*round_trip);
}

core::TimePoint Session::Impl::tick(core::TimePoint now) {
  core::TimePoint next = now + 1s;
  const auto earlier = [&](std::optional<core::TimePoint> due) {
    if (due) next = std::min(next, *due);
  };
  for (const auto& pointer : tracks) {
    Track& track = *pointer;
    if (track.video()) {
      track.reorder.set_wait(
          track.nack() ? std::clamp<core::Duration>(round_trip.value_or(40ms) * 5 + 100ms, kLeastWait, kMostWait)
                       : kWaitWithoutNack);
      service_video(track, now);
      send_speculative_request(track, now);
      send_second_copies(track, now);
      pace(track, now);
      if (!track.second_copies.empty()) earlier(track.second_copies.front().due);
      earlier(track.pacer.next());
      earlier(track.reorder.next_deadline(track.nack()));
      // A wish that send_keyframe_request() does not act on now must not wake us either.
      if (track.config.receiving && track.remote_ssrc() != 0) earlier(track.keyframes.due());
      ask_for_bitrate(track, now);
      earlier(now + kVideoTick);
    } else {
      if (track.nack()) {
        send_audio_nacks(track, now);
        earlier(track.audio_losses.next());
      }
      const bool plain = !track.nack() && track.config.transport_cc_extension == 0;
      earlier(now + (plain ? kPlainAudioTick : kAudioTick));
    }
    if (track.next_report && now >= *track.next_report) send_reports(track, now);
    earlier(track.next_report);
  }
  if (next_transport_feedback && now >= *next_transport_feedback) send_transport_feedback(now);
  earlier(next_transport_feedback);
  if (config.leads) {
    estimator.tick(now);
    send_padding(now);
    if (estimator.probing()) earlier(now + 1ms);
  }
  announce_target(now);
  return std::max(next, now + 1ms);
}

void TrackStats::add_sent(const TrackStats& layer) {
  packets_sent += layer.packets_sent;
  bytes_sent += layer.bytes_sent;
  packets_resent += layer.packets_resent;
  padding_sent += layer.padding_sent;
  frames_sent += layer.frames_sent;
  keyframes_sent += layer.keyframes_sent;
  keyframes_requested_by_peer += layer.keyframes_requested_by_peer;
  nacks_received += layer.nacks_received;
  // What was told last of a layer that is sent no more is past.
  const bool newer = layer.reported_at > reported_at + kSameReports,
             older = reported_at > layer.reported_at + kSameReports;
  if (newer) peer_fraction_lost = 0;
  if (!older) peer_fraction_lost = std::max(peer_fraction_lost, layer.peer_fraction_lost);
  reported_at = std::max(reported_at, layer.reported_at);
}

Session::Session(SessionConfig config, SessionEvents& events, core::TimePoint now)
    : impl_(std::make_unique<Impl>(std::move(config), events, now)) {}
Session::~Session() = default;

void Session::receive_rtp(core::Buffer packet, core::TimePoint now) {
  impl_->receive_rtp(std::move(packet), now);
  impl_->flush();
}
void Session::receive_rtcp(std::span<const uint8_t> packet, core::TimePoint now) {
  impl_->receive_rtcp(packet, now);
  impl_->flush();
}
bool Session::send(const core::EncodedFrame& frame, core::TimePoint now) {
  const bool sent = impl_->send(frame, now);
  impl_->flush();
  return sent;
}
void Session::request_keyframe(core::TimePoint now) {
  for (const auto& track : impl_->tracks) {
    if (!track->video() || !track->config.receiving) continue;
    track->keyframes.want(now);
    impl_->send_keyframe_request(*track, now);
  }
  impl_->flush();
}
core::TimePoint Session::tick(core::TimePoint now) {
  const auto next = impl_->tick(now);
  impl_->flush();
  return next;
}
void Session::reconfigure(std::vector<TrackConfig> tracks, core::TimePoint now, Path path) {
  impl_->reconfigure(std::move(tracks), now, path);
  impl_->flush();
}
void Session::set_bitrate_wish(core::Bitrate wish) {
  impl_->estimator.set_wish(wish);
}
void Session::set_share(core::Bitrate share, core::TimePoint now) {
  impl_->share = share;
  impl_->announce_target(now);
  impl_->flush();
}
std::optional<core::Bitrate> Session::allowed() const {
  return impl_->peer_limit;
}
void Session::set_playout(core::Duration delay, uint64_t packets_late) {
  impl_->playout_delay = delay;
  impl_->playout_late = packets_late;
}
void Session::set_receive_wish(core::Bitrate wish) {
  impl_->receive_wish = wish;
}
void Session::send_bye(core::TimePoint now) {
  impl_->send_bye(now);
  impl_->flush();
}

SessionStats Session::stats() const {
  SessionStats result;
  for (const auto& track : impl_->tracks) {
    TrackStats& stats = track->video() ? result.video : result.audio;
    stats = track->stats;
    stats.present = true;
    stats.expected_loss = track->expected_loss.percent();
    stats.packets_lost = track->in.lost();
    stats.packets_missing = stats.packets_lost - std::min(stats.packets_lost, track->repaired_apart);
    stats.jitter_ms = track->in.jitter_ms();
    if (stats.round_trip_ms == 0 && impl_->round_trip) {
      stats.round_trip_ms = std::chrono::duration<double, std::milli>(*impl_->round_trip).count();
    }
  }
  result.available_out = impl_->announced.value_or(core::Bitrate{});
  result.queueing_ms = std::chrono::duration<double, std::milli>(impl_->estimator.queueing_delay()).count();
  return result;
}

void Session::add_footprint(core::Footprint& received, core::Footprint& sent) const {
  for (core::Footprint* const footprint : {&received, &sent}) {
    footprint->add_between(&impl_->config, &impl_->pictures);
    for (const auto& pointer : impl_->tracks) {
      const Track& track = *pointer;
      footprint->add(pointer);
      footprint->add(track.config);
      footprint->add(track.stats);
    }
  }
  for (const auto& pointer : impl_->tracks) {
    const Track& track = *pointer;
    received.add_between(&track.clock_id, &track.in);
    track.in.add_footprint(received);
    for (const PayloadFormat& format : track.config.receive_formats) received.add(format);
    received.add(track.events_in);
    impl_->clock->add_footprint(track.clock_id, received);
    sent.add_between(&track.was_sending, &track.stats);
    sent.add(track.sent_audio);
    sent.add(track.expected_loss);
  }
}

}  // namespace partyline::rtp
