// RTP in: which track a packet belongs to, whether its source is to be believed, and what becomes of it.
#include <algorithm>
#include <string_view>
#include <utility>

#include "rtp/session_impl.hpp"

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;

constexpr int kProbation = 3;                     // packets in a row
constexpr core::Duration kSourceSilence = 300ms;  // of the old source, before another one is taken
constexpr uint32_t kNoiseClock = 8000;            // Hz (RFC 3389 §5)
constexpr int64_t kAudioLate = 100;               // packets behind the newest
constexpr core::Duration kReordering = 10ms;
constexpr core::Duration kInOrder = 3ms;  // of jitter: what is missing is lost
constexpr core::Duration kFirstReport = 500ms;
constexpr core::Duration kTransportFeedback = 50ms;
constexpr int64_t kLostTogether = 5;  // packets: no accident after so long a silence

std::string_view text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Track* Session::Impl::route(const PacketView& view) {
  for (const auto& track : tracks) {
    if (track->in.active() && track->in.ssrc() == view.ssrc) return track.get();
  }
  for (const auto& track : tracks) {
    if (track->has_remote_ssrc(view.ssrc) && track->knows(view.payload_type)) return track.get();
  }
  for (const auto& track : tracks) {
    const auto mid = view.extension(track->config.mid_extension);
    if (mid && text(*mid) == track->config.mid && track->knows(view.payload_type)) return track.get();
  }
  for (const auto& track : tracks) {
    if (track->knows(view.payload_type)) return track.get();
  }
  return nullptr;
}

bool Session::Impl::accept_source(Track& track, const PacketView& view, const PayloadFormat* format,
                                  core::TimePoint now) {
  const uint32_t rate = format ? core::clock_rate_of(format->codec)
                        : track.config.receive_formats.empty()
                            ? 8000
                            : core::clock_rate_of(track.config.receive_formats.front().codec);
  const bool same = track.in.active() && track.in.ssrc() == view.ssrc;
  if (same && (!format || rate == track.in.clock_rate())) return true;
  const bool promised = track.has_remote_ssrc(view.ssrc);
  const bool first = !track.in.active();
  if (!same && !(first && (promised || track.config.remote_ssrcs.empty()))) {
    const bool follows =
        track.candidate_ssrc == view.ssrc && static_cast<uint16_t>(track.candidate_sequence + 1) == view.sequence.value;
    track.candidate_packets = follows ? track.candidate_packets + 1 : 1;
    track.candidate_ssrc = view.ssrc;
    track.candidate_sequence = view.sequence.value;
    const bool silent = first || track.source_gone || now - track.in.last_packet() >= kSourceSilence;
    if (!silent || (!promised && track.candidate_packets < kProbation)) return false;
  }
  track.candidate_packets = 0;
  track.source_gone = false;
  track.in.start(view.ssrc, rate);
  clock->restart_stream(track.clock_id, rate);
  track.highest_audio.reset();
  track.audio_losses.clear();
  track.places.clear();
  begin_voice_figures(track);
  if (track.video()) {
    track.reorder.clear();
    track.assembler.restart();
  }
  return true;
}

void Session::Impl::receive_rtp(core::Buffer packet, core::TimePoint now) {
  auto view = parse_packet(packet.span());
  if (!view) {
    counters.malformed.add();
    return;
  }
  const core::Duration silence = now - std::exchange(heard, now);
  Track* const repeated = repeated_track(*view);
  Track* const track = repeated ? repeated : route(*view);
  if (!track) {
    counters.unknown_payload.add();
    return;
  }
  if (const auto sequence = view->transport_sequence(track->config.transport_cc_extension)) {
    arrivals.record(*sequence, view->ssrc, now);
    if (!next_transport_feedback) next_transport_feedback = now + kTransportFeedback;
  }
  if (repeated) {
    receive_rtx(*track, std::move(packet), *view, now);
    return;
  }
  if (!track->config.receiving) {
    counters.not_receiving.add();
    return;
  }
  std::optional<RedPacket> red;
  if (track->config.red == view->payload_type) {
    red = parse_red(view->payload);
    if (!red) {
      counters.malformed.add();
      return;
    }
    view->payload_type = red->own.payload_type;
    view->payload = red->own.data;
  }
  const PayloadFormat* format = track->format_of(view->payload_type);
  // The noise goes by the clock of the codec it stands in for.
  const bool noise = !format && !track->video() && view->payload_type == track->config.comfort_noise &&
                     track->last_format && core::clock_rate_of(track->last_format->codec) == kNoiseClock;
  if (noise) format = &*track->last_format;
  if (!accept_source(*track, *view, format, now)) {
    counters.probation.add();
    ++track->stats.packets_discarded;
    return;
  }
  const auto arrival = track->in.receive(*view, now);
  if (arrival.verdict != ReceiveStream::Verdict::fresh) {
    const bool duplicate = arrival.verdict == ReceiveStream::Verdict::duplicate;
    (duplicate ? counters.duplicate : counters.probation).add();
    if (duplicate && track->config.statistics.any()) track->summary.on_duplicate();
    ++track->stats.packets_discarded;
    return;
  }
  if (silence >= SilenceWatch::kSilence && arrival.skipped >= kLostTogether) mend_after_black_out();
  note_arrival(*track, arrival, view->sequence);
  ++track->stats.packets_received;
  track->stats.bytes_received += view->payload.size();
  track->stats.last_packet = now;
  if (!track->first_packet) {
    track->first_packet = now;
    if (!track->next_report) track->next_report = now + kFirstReport;
  }
  if (format) {
    track->stats.codec = format->codec;
    if (!track->last_format || track->last_format->payload_type != format->payload_type ||
        track->last_format->codec != format->codec || track->last_format->nack != format->nack) {
      track->last_format = *format;
    }
  }
  if (track->video()) {
    if (format) receive_video(*track, std::move(packet), *view, arrival, now);
    if (!format) counters.unknown_payload.add();
    return;
  }
  const bool repeated_audio = note_audio_loss(*track, arrival, now);
  if (format && !view->payload.empty()) {
    receive_audio(*track, std::move(packet), *view, red ? &*red : nullptr, {arrival, repeated_audio}, now);
  } else {
    receive_event(*track, *view, arrival, now);
  }
  if (track->nack()) send_audio_nacks(*track, now);
}

// The numbers say that more was lost than a pause left out. A path that was dead this way mostly was dead the other
// way, too: the peer's request would come a round trip later, and with a peer that asks for each packet, never.
void Session::Impl::mend_after_black_out() {
  const Track* const video = video_sender();
  if (video && video->was_sending) outbox.push(Outbox::KeyframeRequest{});
}

/// True when the packet is one that was asked for again.
bool Session::Impl::note_audio_loss(Track& track, const ReceiveStream::Arrival& arrival, core::TimePoint now) {
  if (arrival.restarted) {
    track.audio_losses.clear();
    track.places.clear();
  }
  if (!track.nack()) return false;
  const auto disorder = std::chrono::microseconds(static_cast<int64_t>(track.in.jitter_ms() * 1000));
  return track.audio_losses.on_packet(arrival.sequence, disorder > kInOrder ? disorder : 0ms, now);
}

int64_t Session::Impl::media_time(Track& track, const PacketView& view, core::TimePoint now) {
  int64_t time = track.in.receive_time(view.timestamp, now);
  if (!clock->on_packet(track.clock_id, time, now)) {
    track.in.rebase_time(view.timestamp, now);
    time = track.in.receive_time(view.timestamp, now);
    clock->restart_stream(track.clock_id, track.in.clock_rate());
    clock->on_packet(track.clock_id, time, now);
  }
  const auto difference = track.in.transit_difference();
  if (difference && track.config.statistics.any()) track.summary.on_transit_difference(*difference);
  return time;
}

void Session::Impl::receive_event(Track& track, const PacketView& view, const ReceiveStream::Arrival& arrival,
                                  core::TimePoint now) {
  // Packets that are no audio leave the audio's numbering, so that they do not look like loss to who plays it.
  if (arrival.newest) track.fold_event(arrival.sequence, view.timestamp.value);
  if (track.config.telephone_event != view.payload_type) {
    if (!view.payload.empty()) counters.unknown_payload.add();
    return;
  }
  const auto digit = track.events_in.receive(view.payload, view.timestamp, view.marker, now);
  if (digit) outbox.push(Outbox::Digit{*digit});
}

void Session::Impl::receive_redundancy(Track& track, const core::Buffer& packet, const RedPacket& red, int64_t sequence,
                                       int64_t rtp_time, core::TimePoint now) {
  const auto own_time = static_cast<uint32_t>(rtp_time);
  for (size_t i = 0; i < red.older_count; ++i) {
    const RedBlock& block = red.older[i];
    const PayloadFormat* const format = track.format_of(block.payload_type);
    if (!format || format->codec != track.last_format->codec || block.data.empty()) continue;
    const uint32_t time = own_time - block.time_offset;
    const auto place = track.places.place(time, sequence, own_time);
    if (!place) continue;
    const int64_t number = *place;
    if (track.in.received(number) || std::ranges::find(track.recovered, number) != track.recovered.end()) continue;
    track.recovered[track.recovered_count++ % track.recovered.size()] = number;
    track.audio_losses.forget(number);
    track.places.on_packet(number, time);
    core::EncodedFrame frame;
    frame.codec = format->codec;
    frame.rtp_time = rtp_time - block.time_offset;
    frame.sequence = track.audio_number(number);
    frame.capture = clock->capture(track.clock_id, frame.rtp_time, now);
    frame.arrival = now;
    frame.recovered = true;
    frame.data = block.data;
    frame.buffer = packet;
    ++track.stats.packets_recovered;
    ++track.repaired_apart;
    outbox.push(std::move(frame));
  }
}

void Session::Impl::receive_audio(Track& track, core::Buffer packet, const PacketView& view, const RedPacket* red,
                                  const AudioArrival& arrival, core::TimePoint now) {
  if (track.highest_audio && arrival.sequence < *track.highest_audio - kAudioLate) {
    counters.late.add();
    ++track.stats.packets_discarded;
    ++track.stats.packets_late;
    return;
  }
  track.highest_audio = std::max(track.highest_audio.value_or(arrival.sequence), arrival.sequence);
  core::EncodedFrame frame;
  frame.codec = track.last_format->codec;
  // What was sent again says nothing of jitter or clocks.
  const auto time = arrival.repeated ? track.in.time_of_report(view.timestamp) : std::nullopt;
  frame.rtp_time = time ? *time : media_time(track, view, now);
  if (arrival.repeated) ++track.stats.packets_recovered;
  if (track.repaired_apart > 0 && std::ranges::find(track.recovered, arrival.sequence) != track.recovered.end()) {
    --track.repaired_apart;  // it was merely late
  }
  if (red) receive_redundancy(track, packet, *red, arrival.sequence, frame.rtp_time, now);
  if (track.config.red) track.places.on_packet(arrival.sequence, static_cast<uint32_t>(frame.rtp_time));
  frame.comfort_noise = view.payload_type == track.config.comfort_noise && !track.format_of(view.payload_type);
  if (track.config.voip_metrics && arrival.newest)
    note_packet_time(track, arrival.sequence, frame.rtp_time, frame.comfort_noise);
  frame.sequence = track.audio_number(arrival.sequence);
  frame.capture = clock->capture(track.clock_id, frame.rtp_time, now);
  frame.arrival = now;
  frame.marker = view.marker;
  frame.audio_level = view.audio_level(track.config.audio_level_extension);
  frame.data = view.payload;
  frame.buffer = std::move(packet);
  ++track.stats.frames_received;
  outbox.push(std::move(frame));
}

void Session::Impl::receive_video(Track& track, core::Buffer packet, const PacketView& view,
                                  const ReceiveStream::Arrival& arrival, core::TimePoint now) {
  if (arrival.restarted) {
    track.reorder.clear();
    track.assembler.restart();
  }
  VideoPacket video;
  // Padding's timestamp is no picture's.
  if (!view.payload.empty()) video.rtp_time = media_time(track, view, now);
  track.silence.on_video(now);
  if (!view.payload.empty()) track.rate_in.on_packet(video.rtp_time, view.payload.size(), now);
  video.payload = view.payload;
  video.codec = track.last_format->codec;
  video.sequence = arrival.sequence;
  video.marker = view.marker;
  video.arrival = now;
  video.buffer = std::move(packet);
  store_video(track, std::move(video), now);
}

void Session::Impl::store_video(Track& track, VideoPacket video, core::TimePoint now) {
  switch (track.reorder.insert(std::move(video), now)) {
    case ReorderBuffer::Verdict::late:
      counters.late.add();
      ++track.stats.packets_discarded;
      ++track.stats.packets_late;
      break;
    case ReorderBuffer::Verdict::recovered:
      ++track.stats.packets_recovered;
      if (const auto time = track.reorder.take_recovery_time()) on_round_trip(*time, false);
      break;
    case ReorderBuffer::Verdict::stored:
      break;
  }
  service_video(track, now);
}

/// True when a picture that needs nothing of what is missing was reason to stop waiting for it.
bool Session::Impl::resume_behind_loss(Track& track, core::TimePoint now) {
  if (!track.reorder.waiting()) return false;
  const core::Duration waited = now - track.reorder.waiting_since();
  if (waited < kReordering) return false;
  const auto point = track.assembler.find_resume_point(track.reorder);
  if (!point) return false;
  // What is merely useful is asked for once.
  const core::Duration patience = track.nack() ? retry_interval() + kReordering : kReordering * 3;
  if (!point->keyframe && waited < patience) return false;
  track.reorder.skip_to(point->sequence);
  return true;
}

void Session::Impl::service_video(Track& track, core::TimePoint now) {
  pictures.clear();
  do {
    while (auto released = track.reorder.pop(now)) {
      track.assembler.add(released->packet, released->lost_before, pictures);
    }
  } while (resume_behind_loss(track, now));
  bool keyframe_came = false;
  for (auto& picture : pictures) {
    core::EncodedFrame frame;
    frame.codec = picture.codec;
    frame.data = picture.buffer.span();
    frame.buffer = std::move(picture.buffer);
    frame.rtp_time = picture.rtp_time;
    frame.capture = clock->capture(track.clock_id, picture.rtp_time, now);
    frame.arrival = picture.arrival;
    frame.keyframe = picture.keyframe;
    frame.after_loss = picture.after_loss;
    ++track.stats.frames_received;
    if (picture.keyframe) {
      ++track.stats.keyframes_received;
      keyframe_came = true;
    }
    outbox.push(std::move(frame));
  }
  pictures.clear();
  if (keyframe_came) track.keyframes.on_keyframe();
  const auto& drops = track.assembler.drops();
  counters.broken_frame.add(drops.broken - track.drops_counted.broken);
  counters.before_keyframe.add(drops.before_keyframe - track.drops_counted.before_keyframe);
  counters.without_parameter_sets.add(drops.without_parameter_sets - track.drops_counted.without_parameter_sets);
  counters.undecodable.add(drops.undecodable - track.drops_counted.undecodable);
  track.drops_counted = drops;
  if (track.assembler.take_broken_keyframe()) track.keyframes.on_broken_keyframe(now);
  // No picture refers to one from before it: no need to see the rest of the first one.
  const bool hopeless = track.reorder.take_black_out() && !keyframe_came && !track.assembler.collecting_keyframe();
  if (track.assembler.take_keyframe_wish() || hopeless) track.keyframes.want(now);
  if (track.nack() && track.reorder.missing() > 0) send_nacks(track, now);
  send_keyframe_request(track, now);
}

}  // namespace partyline::rtp
