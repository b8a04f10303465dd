// How the links to a stream's publisher and players fare, in figures.
#include <algorithm>
#include <array>
#include <utility>

#include "sfu/stream_router_impl.hpp"

namespace partyline::sfu {
namespace {

double milliseconds(std::optional<core::Duration> time) {
  return time ? std::chrono::duration<double, std::milli>(*time).count() : 0;
}

// Layers are one picture in several sizes: they are told together.
void add_received(rtp::TrackStats& sum, const rtp::TrackStats& layer) {
  sum.present = true;
  sum.codec = layer.codec;
  sum.last_packet = std::max(sum.last_packet, layer.last_packet);
  sum.packets_received += layer.packets_received;
  sum.bytes_received += layer.bytes_received;
  sum.packets_lost += layer.packets_lost;
  sum.packets_recovered += layer.packets_recovered;
  sum.packets_missing += layer.packets_missing;
  sum.packets_late += layer.packets_late;
  sum.nacks_sent += layer.nacks_sent;
  sum.frames_received += layer.frames_received;
  sum.keyframes_received += layer.keyframes_received;
  sum.keyframes_requested_by_us += layer.keyframes_requested_by_us;
  sum.jitter_ms = std::max(sum.jitter_ms, layer.jitter_ms);
}

}  // namespace

rtp::LinkFigures StreamRouter::publisher_figures(core::TimePoint now) const {
  rtp::LinkFigures figures;
  if (!source_) return figures;
  rtp::TrackStats& audio = figures.session.audio;
  rtp::TrackStats& video = figures.session.video;
  if (source_->audio) add_received(audio, source_->audio->figures());
  for (const auto& layer : source_->layers) {
    add_received(video, layer->track.figures());
    if (layer->rid.empty()) continue;
    const bool comes = layer->comes(now);
    figures.layers.push_back({layer->rid, {comes ? static_cast<int64_t>(layer->bits_per_second) : 0}, comes});
  }
  audio.round_trip_ms = video.round_trip_ms = milliseconds(source_->references.round_trip());
  return figures;
}

rtp::LinkFigures StreamRouter::player_figures(PlayerId id, core::TimePoint now) const {
  rtp::LinkFigures figures;
  const auto found = players_.find(id);
  if (found == players_.end()) return figures;
  const Player& player = *found->second;
  const auto reported = player.reports.round_trip();
  const double round_trip = milliseconds(reported ? reported : player.path.round_trip());
  const auto track = [&](const OutgoingTrack& outgoing, const rtp::TrackStats& told, const auto& formats) {
    rtp::TrackStats stats = told;
    stats.present = !formats.empty();
    if (stats.present) stats.codec = formats.front().codec;
    stats.packets_sent = outgoing.packets;
    stats.bytes_sent = outgoing.octets;
    stats.round_trip_ms = round_trip;
    return stats;
  };
  figures.session.audio = track(player.audio, player.audio_told, player.formats.audio);
  figures.session.video = track(player.video, player.video_told, player.formats.video);
  if (const auto limit = player.path.limit(now)) figures.session.available_out = {static_cast<int64_t>(*limit)};
  if (!source_) return figures;
  if (source_->audio) figures.session.audio.codec = source_->audio->format().codec;
  for (const auto& layer : source_->layers) {
    figures.session.video.codec = layer->track.format().codec;
    if (follows(player, *layer)) figures.layer = layer->rid;
  }
  return figures;
}

/// What a player says of what it is sent.
void StreamRouter::take_figures(Player& player, const rtp::rtcp::ReportBlock& block, core::TimePoint now) {
  const bool sound = block.ssrc == player.audio.ssrc();
  if (!sound && block.ssrc != player.video.ssrc()) return;
  rtp::TrackStats& told = sound ? player.audio_told : player.video_told;
  told.peer_fraction_lost = block.fraction_lost / 256.0;
  told.reported_at = now;
  told.jitter_ms = block.jitter / (sound ? 48.0 : 90.0);
  player.reports.on_named(block.last_sender_report, block.delay_since_last, now);
}

/// Who only plays learns the round trip only this way (RFC 3611 §4.5).
void StreamRouter::answer_reference(Player& player) {
  const auto reference = std::exchange(player.reference, std::nullopt);
  if (!reference) return;
  std::array<uint8_t, 128> room;
  rtp::rtcp::Writer writer(room);
  if (writer.receiver_report({player.audio.ssrc(), {}}) && writer.dlrr(player.audio.ssrc(), {&*reference, 1}))
    player.out->send_rtcp(writer.packet());
}

}  // namespace partyline::sfu
