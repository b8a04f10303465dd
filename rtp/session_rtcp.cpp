// RTCP both ways: reports, NACK, keyframe wishes, bitrates, BYE.
#include <algorithm>
#include <array>

#include "rtp/session_impl.hpp"

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;

constexpr size_t kRtcpBytes = 1200;
constexpr int kMaxBlocks = 64;
constexpr size_t kMaxNackNumbers = 256;  // in one packet: even if each takes an entry of its own, all fit
constexpr core::Duration kEarlyReports = 200ms, kReports = 1s;
constexpr core::Duration kTransportFeedback = 50ms;

/// What a peer allows us; 10 Gbit/s stands for more.
core::Bitrate limit_of(uint64_t bits_per_second) {
  return {static_cast<int64_t>(std::min<uint64_t>(bits_per_second, 10'000'000'000))};
}

PathReport path_report(const rtcp::ReportBlock& block, std::optional<core::Duration> round_trip) {
  PathReport report;
  report.fraction_lost = block.fraction_lost / 256.0;
  report.lost_in_all = block.cumulative_lost;
  report.highest = Seq16{static_cast<uint16_t>(block.extended_highest_sequence)};
  report.jitter_ms = block.jitter / 90.0;
  // In a queue that is full our reports get lost, too: one that did not meet the queue says nothing of it.
  if (rtcp::compact_to_duration(block.delay_since_last) < kReports * 3 / 2) report.round_trip = round_trip;
  return report;
}

}  // namespace

Track* Session::Impl::sender_of(uint32_t ssrc) {
  for (const auto& track : tracks) {
    if (track->out.ssrc() == ssrc) return track.get();
  }
  return nullptr;
}

Track* Session::Impl::receiver_of(uint32_t ssrc) {
  for (const auto& track : tracks) {
    if (track->in.active() && track->in.ssrc() == ssrc) return track.get();
  }
  return nullptr;
}

void Session::Impl::count_unknown(uint32_t ssrc) {
  if (std::ranges::find(config.neighbours, ssrc) == config.neighbours.end()) counters.rtcp_unknown_ssrc.add();
}

Track* Session::Impl::video_sender() {
  for (const auto& track : tracks) {
    if (track->video() && track->config.sending) return track.get();
  }
  return nullptr;
}

void Session::Impl::receive_rtcp(std::span<const uint8_t> packet, core::TimePoint now) {
  heard = now;
  rtcp::Reader reader(packet);
  for (int bound = 0; bound < kMaxBlocks; ++bound) {
    const auto block = reader.next();
    if (!block) break;
    switch (block->type) {
      case rtcp::Type::sender_report:
        if (const auto report = rtcp::parse_sender_report(*block)) {
          receive_sender_report(*report, now);
          receive_report_blocks(report->reports, now);
        }
        break;
      case rtcp::Type::receiver_report:
        if (const auto report = rtcp::parse_receiver_report(*block)) receive_report_blocks(report->reports, now);
        break;
      case rtcp::Type::bye:
        receive_bye(*block);
        break;
      case rtcp::Type::transport_feedback:
        receive_transport_block(*block, now);
        break;
      case rtcp::Type::payload_feedback:
        receive_payload_block(*block, now);
        break;
      case rtcp::Type::extended_report:
        if (const auto report = rtcp::parse_extended_report(*block)) {
          receive_extended(*report, now);
        }
        break;
      default:  // SDES: one peer a session, its CNAME tells nothing new; APP
        break;
    }
  }
  if (reader.malformed()) counters.rtcp_malformed.add();
  announce_target(now);
}

void Session::Impl::receive_report_blocks(const rtcp::ReportBlocks& blocks, core::TimePoint now) {
  for (const rtcp::ReportBlock& block : blocks) {
    Track* const track = sender_of(block.ssrc);
    if (!track) {
      count_unknown(block.ssrc);
      continue;
    }
    const double fraction = block.fraction_lost / 256.0;
    track->stats.peer_fraction_lost = fraction;
    track->stats.reported_at = now;
    // What was sent again in time counts as received there.
    track->expected_loss.on_report(std::max(fraction, track->out.asked_again()), now);
    std::optional<core::Duration> sample;
    if (block.last_sender_report != 0) sample = round_trip_of(block.last_sender_report, block.delay_since_last, now);
    if (track->video() && config.leads) estimator.on_report(path_report(block, sample), now);
    if (!sample) continue;
    on_round_trip(*sample, true);
    track->stats.round_trip_ms = std::chrono::duration<double, std::milli>(*round_trip).count();
  }
}

void Session::Impl::receive_sender_report(const rtcp::SenderReport& report, core::TimePoint now) {
  Track* const track = receiver_of(report.ssrc);
  if (!track) {
    count_unknown(report.ssrc);
    return;
  }
  track->in.on_sender_report(report.ntp, now);
  const auto time = track->in.time_of_report(report.rtp_time);
  if (time && !clock->on_sender_report(track->clock_id, report.ntp, *time, now)) counters.sender_report_ignored.add();
}

void Session::Impl::receive_bye(const rtcp::Block& block) {
  const auto ssrcs = rtcp::parse_bye(block);
  if (!ssrcs) return;
  for (const uint32_t ssrc : *ssrcs) {
    if (Track* const track = receiver_of(ssrc)) track->source_gone = true;
  }
}

void Session::Impl::receive_transport_block(const rtcp::Block& block, core::TimePoint now) {
  if (const auto nack = rtcp::parse_nack(block)) {
    Track* const track = sender_of(nack->media_ssrc);
    if (track) resend(*track, *nack, now);
    if (!track) count_unknown(nack->media_ssrc);
  } else if (block.count == rtcp::kTransportCc) {
    if (config.leads && rtcp::parse_transport_feedback(block, feedback)) estimator.on_feedback(feedback, now);
  } else if (const auto tmmbr = rtcp::parse_tmmbr(block)) {
    receive_bounds(*tmmbr);
  }
}

/// However many bounds one request names, it is answered once, with the last. The answer names the bound's owner, who
/// else would repeat it (RFC 5104 §4.2.2.2).
void Session::Impl::receive_bounds(const rtcp::Tmmb& request) {
  std::optional<rtcp::TmmbEntry> bound;
  const Track* bounded = nullptr;
  for (const auto& entry : request.entries) {
    const Track* const track = sender_of(entry.ssrc);
    if (!track) continue;
    bound = entry;
    bounded = track;
  }
  if (!bound) return;
  set_peer_limit(limit_of(bound->bits_per_second));
  bound->ssrc = request.sender_ssrc;
  std::array<uint8_t, kRtcpBytes> room;
  rtcp::Writer writer(room);
  open_feedback(*bounded, writer);
  writer.tmmbn(bounded->out.ssrc(), {&*bound, 1});
  push_rtcp(writer);
}

void Session::Impl::keyframe_wanted_by_peer(uint32_t ssrc, core::TimePoint now) {
  Track* track = sender_of(ssrc);
  if (!track && ssrc == 0) track = video_sender();  // some phones leave the media SSRC out
  if (!track) return count_unknown(ssrc);
  if (!track->video()) return;
  ++track->stats.keyframes_requested_by_peer;
  // Asked before the one that is under way can have been seen: that is the answer.
  const core::Duration way = round_trip.value_or(core::Duration{}) * 3 / 4;
  if (track->keyframe_left && now - *track->keyframe_left < way) return counters.keyframe_under_way.add();
  if (config.leads) estimator.on_keyframe_request(now);
  outbox.push(Outbox::KeyframeRequest{});
}

void Session::Impl::receive_payload_block(const rtcp::Block& block, core::TimePoint now) {
  if (const auto pli = rtcp::parse_pli(block)) {
    keyframe_wanted_by_peer(pli->media_ssrc, now);
  } else if (const auto fir = rtcp::parse_fir(block)) {
    for (const auto& entry : fir->entries) keyframe_wanted_by_peer(entry.ssrc, now);
  } else if (const auto remb = rtcp::parse_remb(block)) {
    set_peer_limit(limit_of(remb->bits_per_second));
  }
}

void Session::Impl::push_rtcp(const rtcp::Writer& writer) {
  if (!writer.empty()) outbox.push(Outbox::Rtcp{core::Buffer::copy_of(writer.packet())});
}

void Session::Impl::open_feedback(const Track& track, rtcp::Writer& writer) const {
  if (track.config.reduced_size_rtcp) return;
  writer.receiver_report({track.out.ssrc(), {}});
  writer.source_description(track.out.ssrc(), config.cname);
}

void Session::Impl::send_reports(Track& track, core::TimePoint now) {
  std::array<uint8_t, kRtcpBytes> room;
  rtcp::Writer writer(room);
  rtcp::ReportBlocks blocks;
  const bool received = track.config.receiving && track.in.active() && track.first_packet;
  if (received) blocks.push(track.in.report(now));
  const bool sending = track.config.sending && track.was_sending && track.out.started();
  if (sending) {
    rtcp::SenderReport report = track.out.report(now);
    report.reports = blocks;
    writer.sender_report(report);
  } else if (received) {
    writer.receiver_report({track.out.ssrc(), blocks});
  }
  if (!writer.empty()) {
    writer.source_description(track.out.ssrc(), config.cname);
    write_extended(track, sending, received, writer, now);
    push_rtcp(writer);
  }
  if (sending) ++track.reports_sent;
  // The first three within 400 ms: SRS shows nothing to RTMP before it has two, others sync lips by them.
  const bool early = sending && track.reports_sent < 3;
  track.next_report = now + (early ? kEarlyReports : kReports);
}

void Session::Impl::send_nacks(Track& track, core::TimePoint now) {
  rtcp::BoundedList<Seq16, rtcp::kMaxNacks> missing;
  ReorderBuffer::Asking asking{retry_interval(), round_trip.value_or(0ms)};
  if (lossy_and_long(track.reorder.loss())) asking.echo = std::max<core::Duration>(*round_trip / 5, 15ms);
  asking.most = kMaxNackNumbers;
  track.reorder.take_nacks(now, asking, missing);
  push_nack(track, {missing.begin(), missing.size()});
}

void Session::Impl::send_audio_nacks(Track& track, core::TimePoint now) {
  const auto due = track.audio_losses.next();
  if (!due || now < *due) return;
  rtcp::BoundedList<Seq16, rtcp::kMaxNacks> missing;
  track.audio_losses.take(now, retry_interval(), round_trip.value_or(0ms), missing);
  push_nack(track, {missing.begin(), missing.size()});
}

void Session::Impl::push_nack(Track& track, std::span<const Seq16> missing) {
  if (missing.empty()) return;
  std::array<uint8_t, kRtcpBytes> room;
  rtcp::Writer writer(room);
  open_feedback(track, writer);
  writer.nack({track.out.ssrc(), track.in.ssrc()}, missing);
  ++track.stats.nacks_sent;
  push_rtcp(writer);
}

void Session::Impl::send_keyframe_request(Track& track, core::TimePoint now) {
  if (!track.config.receiving || track.remote_ssrc() == 0 || !track.keyframes.take(now)) return;
  ++track.stats.keyframes_requested_by_us;
  push_keyframe_request(track);
}

void Session::Impl::send_speculative_request(Track& track, core::TimePoint now) {
  if (!track.config.receiving || !track.in.active() || track.source_gone) return;
  const auto request = track.silence.take(heard, now);
  if (request == SilenceWatch::Request::none) return;
  if (request == SilenceWatch::Request::first) ++track.stats.keyframes_requested_by_us;
  push_keyframe_request(track);
}

void Session::Impl::push_keyframe_request(Track& track) {
  std::array<uint8_t, kRtcpBytes> room;
  rtcp::Writer writer(room);
  open_feedback(track, writer);
  // Nothing negotiated: PLI all the same. Who does not know it ignores it, and many phones do know it.
  const bool fir_only = track.last_format && track.last_format->fir && !track.last_format->pli;
  if (fir_only) {
    writer.fir(track.out.ssrc(), {track.remote_ssrc(), track.fir_command++});
  } else {
    writer.pli({track.out.ssrc(), track.remote_ssrc()});
  }
  push_rtcp(writer);
}

void Session::Impl::send_transport_feedback(core::TimePoint now) {
  next_transport_feedback.reset();
  if (tracks.empty()) return;
  const auto video = std::find_if(tracks.begin(), tracks.end(), [](const auto& t) { return t->video(); });
  const Track& track = video == tracks.end() ? *tracks.front() : **video;
  rtcp::TransportFeedback& report = feedback;
  for (int bound = 0; bound < 8 && arrivals.take(report); ++bound) {
    report.sender_ssrc = track.out.ssrc();
    std::array<uint8_t, kRtcpBytes> room;
    rtcp::Writer writer(room);
    open_feedback(track, writer);
    writer.transport_feedback(report);
    push_rtcp(writer);
  }
  if (!arrivals.empty()) next_transport_feedback = now + kTransportFeedback;
}

void Session::Impl::send_bye(core::TimePoint) {
  std::array<uint32_t, 31> ssrcs{};
  size_t count = 0;
  for (const auto& track : tracks) {
    if (count < ssrcs.size()) ssrcs[count++] = track->out.ssrc();
  }
  if (count == 0) return;
  std::array<uint8_t, kRtcpBytes> room;
  rtcp::Writer writer(room);
  writer.receiver_report({ssrcs[0], {}});
  writer.source_description(ssrcs[0], config.cname);
  writer.bye(std::span(ssrcs).first(count));
  push_rtcp(writer);
}

}  // namespace partyline::rtp
