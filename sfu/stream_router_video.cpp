// Video through the router: which layer a packet belongs to, which players get it, and how they change layers.
//
//   layer l  p p p p|      p p        A player that changes from l to m: m's keyframe began in the middle of one of l's
//   layer m       K K K p p p p       pictures, which is finished first; what came of m meanwhile is sent behind it
//   player   p p p p p K K K p p p    from the packets that are kept.
#include <algorithm>
#include <utility>

#include "core/picture_worth.hpp"
#include "sfu/picture_size.hpp"
#include "sfu/stream_router_impl.hpp"

namespace partyline::sfu {

using core::MediaKind;
using core::TimePoint;

namespace {

constexpr core::Duration kKeyframePatience = std::chrono::seconds(3);
constexpr core::Duration kPictureEnds = std::chrono::milliseconds(50);

std::string_view text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

bool StreamRouter::follows(const Player& player, const VideoLayer& layer) const {
  return player.video.follows(epoch_of(layer.track, layer.index));
}

bool StreamRouter::takes_video(const Player& player) const {
  return !source_->layers.empty() && playable(player.formats.video, source_->layers.front()->track.format()) != nullptr;
}

bool StreamRouter::needs(const Player& player, const VideoLayer& layer) const {
  return takes_video(player) && (layer.index == player.choice.chosen() || follows(player, layer));
}

bool StreamRouter::is_needed(const VideoLayer& layer) const {
  return std::ranges::any_of(players_, [&](const auto& entry) { return needs(*entry.second, layer); });
}

StreamRouter::VideoLayer* StreamRouter::layer_of(const rtp::PacketView& view, TimePoint now) {
  auto& layers = source_->layers;
  if (layers.front()->track.format().rtx_payload_type == view.payload_type) return repeated_layer_of(view);
  if (layers.front()->rid.empty()) return layers.front()->track.claims(view.ssrc, now) ? layers.front().get() : nullptr;
  for (const auto& layer : layers)
    if (layer->track.ssrc() == view.ssrc) return layer.get();
  // Each source begins with packets that name it (RFC 8852); until then it is nobody's.
  const auto rid = view.extension(layers.front()->track.format().simulcast.rid_extension);
  if (!rid) return nullptr;
  for (const auto& layer : layers)
    if (layer->rid == text(*rid)) return layer->track.claims(view.ssrc, now) ? layer.get() : nullptr;
  return nullptr;
}

/// The layer whose packets this RTX source repeats (RFC 8852 §3.2).
StreamRouter::VideoLayer* StreamRouter::repeated_layer_of(const rtp::PacketView& view) {
  auto& layers = source_->layers;
  if (layers.front()->rid.empty()) return layers.front().get();
  for (const auto& layer : layers)
    if (layer->rtx_ssrc == view.ssrc) return layer.get();
  const auto rid = view.extension(layers.front()->track.format().simulcast.repaired_extension);
  if (!rid) return nullptr;
  for (const auto& layer : layers) {
    if (layer->rid != text(*rid)) continue;
    layer->rtx_ssrc = view.ssrc;
    return layer.get();
  }
  return nullptr;
}

void StreamRouter::receive_video(VideoLayer& layer, core::Buffer packet, const rtp::PacketView& view, TimePoint now) {
  const uint64_t epoch_before = layer.track.epoch();
  const bool repeated = layer.track.format().rtx_payload_type == view.payload_type;
  const bool was_silent = layer.silence.asked_since(layer.track.last_packet());
  if (!repeated) layer.silence.on_video(now);
  if (!repeated) layer.note(view.payload.size(), now);  // browsers probe with repetitions of whatever there is
  auto forward = repeated ? layer.track.receive_repeated(std::move(packet), view, now)
                          : layer.track.receive(std::move(packet), view, now);
  const bool begins = layer.track.epoch() != epoch_before;
  if ((layer.track.take_hopeless() || was_silent) && is_needed(layer)) layer.keyframe.wish_anew();
  if (begins && is_needed(layer)) layer.keyframe.wish();
  if (forward) {
    layer.newest = begins ? forward->sequence : std::max(layer.newest, forward->sequence);
    for (const auto& [id, player] : players_) forward_video(*player, layer, *forward, now);
    if (forward->keyframe_start) {
      layer.keyframe.keyframe_began();
      if (const auto size = picture_size(layer.track.format().codec, forward->payload()))
        layer.worth = static_cast<double>(core::picture_worth(*size).bits_per_second);
    }
  }
  if (layer.track.losses().missing() > 0 || layer.keyframe.wanted()) ask_publisher(layer, now);
}

void StreamRouter::forward_video(Player& player, VideoLayer& layer, ForwardPacket& packet, TimePoint now) {
  if (playable(player.formats.video, layer.track.format()) == nullptr) return counters().no_format.add();
  if (follows(player, layer)) {
    send_video(player, layer, packet, now);
    if (player.change && !player.mid_picture) change_layer(player, now);
    return;
  }
  if (layer.index != player.choice.chosen()) return counters().other_layer.add();
  const bool sees_another =
      std::ranges::any_of(source_->layers, [&](const auto& each) { return follows(player, *each); });
  if (player.change && player.change->layer != layer.index) player.change.reset();
  if (!player.change) {
    const uint64_t epoch = epoch_of(layer.track, layer.index);
    if (player.waiting_epoch != epoch) {
      player.waiting_epoch = epoch;
      player.waiting_since = now;
    }
    // Streams without recognisable keyframes (intra refresh) must play, too.
    const bool patient = sees_another || now - player.waiting_since < kKeyframePatience;
    if (!packet.keyframe_start && patient) return counters().no_keyframe.add();
    player.change = Player::Change{layer.index, packet.sequence, now};
  }
  if (!sees_another || !player.mid_picture || now - player.change->since >= kPictureEnds) change_layer(player, now);
}

void StreamRouter::change_layer(Player& player, TimePoint now) {
  const Player::Change change = *std::exchange(player.change, std::nullopt);
  VideoLayer& layer = *source_->layers[change.layer];
  ForwardPacket* const first = layer.track.find(change.sequence);
  if (!first) return;  // long ago: the next keyframe will do
  player.video.follow(epoch_of(layer.track, layer.index), change.sequence, first->timestamp, now);
  player.renumbering.follow(first->numbers);
  send_report(player, MediaKind::video, layer.track, now);
  counters().layer_changes.add();
  for (int64_t sequence = change.sequence; sequence <= layer.newest; ++sequence) {
    if (ForwardPacket* const packet = layer.track.find(sequence)) send_video(player, layer, *packet, now);
  }
}

void StreamRouter::send_video(Player& player, VideoLayer& layer, ForwardPacket& packet, TimePoint now) {
  const auto* format = playable(player.formats.video, layer.track.format());
  const auto header = player.video.map(packet.sequence, packet.timestamp, now);
  if (!format || !header) return counters().early.add();
  const bool newest = packet.sequence >= layer.newest;  // and none that came late
  if (newest) player.mid_picture = !packet.marker;
  player.renumbering.apply(packet.numbers, packet.bytes().subspan(rtp::kRtpHeaderBytes), newest);
  player.video_told.frames_sent += packet.marker;
  // Parameter sets and slices of one picture each look like its start.
  if (packet.keyframe_start && std::exchange(player.keyframe_time, packet.timestamp.value) != packet.timestamp.value)
    ++player.video_told.keyframes_sent;
  send(player, player.video, packet, *header, format->payload_type, now);
}

}  // namespace partyline::sfu
