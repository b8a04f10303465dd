// Bandwidth in the router: which layer each player's wish and path allow, padding that asks its path for more, and what
// the publisher of a single layer is told.
#include <algorithm>
#include <array>
#include <utility>

#include "sfu/stream_router_impl.hpp"

namespace partyline::sfu {

using core::TimePoint;
namespace rtcp = rtp::rtcp;

namespace {

constexpr core::Duration kChoiceEvery = std::chrono::milliseconds(200), kCount = std::chrono::milliseconds(500);
constexpr core::Duration kLimitEvery = std::chrono::seconds(1), kOrderEvery = std::chrono::seconds(1);
constexpr core::Duration kLinger = std::chrono::seconds(3);  // what was needed a moment ago may be needed again
constexpr core::Duration kToObey = std::chrono::seconds(2), kAfterRefusal = std::chrono::seconds(10);
constexpr core::Duration kWishesApart = std::chrono::milliseconds(50);  // that make a choice at once, of one player
constexpr double kNoLimit = 10e6, kLeastWish = 3e6;                     // bits a second
constexpr double kSmallWish = 300e3;  // who gets no picture, or hardly any: sound, twice redundant
constexpr int kRaises = 5;            // how often a raised limit is told, once a second
constexpr double kLeastLimit = 64e3;  // told to a publisher: a REMB of 0 is no limit to some
constexpr double kWishOverSource = 1.25, kMuchLower = 0.95;
constexpr double kUsable = 0.9;         // of a path, the rest is headers
constexpr uint8_t kPaddingBytes = 224;  // a packet: its count is one byte

}  // namespace

void StreamRouter::Player::count_sent(TimePoint now) {
  if (now - counted_since < kCount) return;
  const uint64_t octets = audio.octets + video.octets;
  const double seconds = std::chrono::duration<double>(now - counted_since).count();
  path.note_sent_rate(static_cast<double>(octets - std::exchange(counted_octets, octets)) * 8 / seconds);
  counted_since = now;
}

// A layer that comes back (browsers leave out what their path does not carry) is counted anew: its mean of before would
// make it look small enough for everybody.
void StreamRouter::VideoLayer::note(size_t payload_bytes, TimePoint now) {
  if (now - track.last_packet() >= kInactive) {
    bits_per_second = 0;
    bytes = 0;
    counted_since = now;
  }
  bytes += payload_bytes;
}

void StreamRouter::VideoLayer::count(TimePoint now) {
  if (now - counted_since < kCount) return;
  const double seconds = std::chrono::duration<double>(now - counted_since).count();
  const double rate = static_cast<double>(std::exchange(bytes, 0)) * 8 / seconds;
  bits_per_second = bits_per_second == 0 ? rate : 0.7 * bits_per_second + 0.3 * rate;
  counted_since = now;
}

// A publisher whose path has become narrow does not send all that it is told to. Such a layer is no choice, and asked
// for again only after a while.
LayerChoice::Layer StreamRouter::VideoLayer::offer(TimePoint now) {
  const bool come = comes(now);
  if (come)
    refused.reset();
  else if (told_to_send && now - told >= kToObey)
    refused = now;
  const bool may_be_asked_for = on_demand() && track.ssrc() && !(refused && now - *refused < kAfterRefusal);
  const bool measured = come && bits_per_second > 0;
  return {measured || !on_demand() ? bits_per_second : promise.bits, worth == 0 && on_demand() ? promise.worth : worth,
          come || may_be_asked_for};
}

void StreamRouter::choose_layers(TimePoint now) {
  source_->next_choice = now + kChoiceEvery;
  std::array<LayerChoice::Layer, Simulcast::kMostLayers> room{};
  const auto offers = std::span(room).first(source_->layers.size());
  double most = kLeastWish;
  for (size_t i = 0; i < offers.size(); ++i) {
    source_->layers[i]->count(now);
    offers[i] = source_->layers[i]->offer(now);
    most = std::max(most, kWishOverSource * offers[i].bits_per_second);
  }
  // Beside layers whose rate is known, one that has just come (back) waits until its own is.
  const auto has_rate = [](const LayerChoice::Layer& offer) { return offer.available && offer.bits_per_second > 0; };
  if (std::ranges::any_of(offers, has_rate))
    for (auto& offer : offers) offer.available = has_rate(offer);
  for (const auto& [id, player] : players_) choose_layer(*player, offers, most, now);
  // A keyframe that was wished for a player that has gone, or gets another layer, would be made for nobody.
  const bool any_comes = std::ranges::any_of(source_->layers, [&](const auto& layer) { return layer->comes(now); });
  for (const auto& layer : source_->layers) {
    const bool ceased = any_comes && !layer->comes(now) && !layer->on_demand();
    if (layer->keyframe.wanted() && (ceased || !is_needed(*layer))) layer->keyframe.drop();
  }
  if (offers.size() > 1) order_layers(now);
  limit_publisher(now);
}

/// `most`: what the source could make use of, bits a second.
void StreamRouter::choose_layer(Player& player, std::span<const LayerChoice::Layer> layers, double most,
                                TimePoint now) {
  player.count_sent(now);
  const bool video = takes_video(player);
  const double wish = video ? kWishOverSource * player.wish.value_or(most) : 0;
  player.path.set_wish({static_cast<int64_t>(std::clamp(wish, kSmallWish, most))});
  const auto path = player.path.limit(now);
  player.sound_room.reset();
  if (!video && path) player.sound_room = kUsable * *path;
  if (!video || layers.size() < 2) return;  // one layer alone makes room at its source
  const size_t before = player.choice.chosen();
  const size_t after = player.choice.choose(layers, player.wish, path, now);
  if (path) player.sound_room = kUsable * *path - layers[after].bits_per_second;
  if (after != before) player.change.reset();
  VideoLayer& wanted = *source_->layers[after];
  if (!follows(player, wanted) && !player.change) wanted.keyframe.wish();
}

/// A layer that no player sees or waits for is stopped at its source, and asked for again when one does.
void StreamRouter::order_layers(TimePoint now) {
  for (const auto& layer : source_->layers) {
    if (!layer->on_demand() || !layer->track.ssrc()) continue;
    const bool needed = is_needed(*layer);
    if (needed) layer->needed = now;
    const bool send = needed || (layer->needed && now - *layer->needed < kLinger);
    const bool changed = send != std::exchange(layer->told_to_send, send);
    if (changed) layer->told = now;
    if (changed || (send != layer->comes(now) && now >= layer->next_order)) order_layer(*layer, send, now);
  }
}

/// TMMBR; 0: nothing is to be sent.
void StreamRouter::order_layer(VideoLayer& layer, bool send, TimePoint now) {
  layer.next_order = now + kOrderEvery;
  std::array<uint8_t, kRtcpBytes> room;
  rtcp::Writer writer(room);
  const uint64_t bits = send ? static_cast<uint64_t>(kNoLimit) : 0;
  if (writer.receiver_report({source_->our_ssrc, {}}) &&
      writer.tmmbr(source_->our_ssrc, {*layer.track.ssrc(), bits, 0}))
    source_->out->send_rtcp(writer.packet());
}

/// However many bounds one packet names, they are answered once, with the last. The answer names the bound's owner, who
/// else would repeat it (RFC 5104 §4.2.2.2). The next tick chooses.
void StreamRouter::take_wish(Player& player, TimePoint now) {
  const auto bound = std::exchange(player.bound, std::nullopt);
  if (!bound) return;
  const double wish = static_cast<double>(bound->bits_per_second);
  if (player.wish != wish && now - player.wish_heard >= kWishesApart) {
    player.wish_heard = now;
    source_->next_choice = now;
  }
  player.wish = wish;
  std::array<uint8_t, kRtcpBytes> room;
  rtcp::Writer writer(room);
  if (writer.receiver_report({player.video.ssrc(), {}}) && writer.tmmbn(player.video.ssrc(), {&*bound, 1}))
    player.out->send_rtcp(writer.packet());
}

// The layers of simulcast are chosen from, one layer alone can only be made smaller at its source: for the player that
// has a use for most. Once a second, and at once when it is less than before. That it is no longer limited is said a
// few times: a publisher that has missed it would stay small for ever.
void StreamRouter::limit_publisher(TimePoint now) {
  if (source_->layers.size() != 1) return;
  const IncomingTrack& track = source_->layers.front()->track;
  if (!track.format().remb || !track.ssrc()) return;
  if (!is_needed(*source_->layers.front())) return;
  double most = 0;
  for (const auto& [id, player] : players_) {
    if (!takes_video(*player)) continue;
    most = std::max(most, std::min(player->wish.value_or(kNoLimit), player->path.limit(now).value_or(kNoLimit)));
  }
  most = std::max(most, kLeastLimit);
  const double told = source_->limit.value_or(kNoLimit);
  if (most > told) source_->raises = kRaises;
  if (most == kNoLimit && told == kNoLimit && source_->raises == 0) return;
  if (now < source_->next_limit && most > kMuchLower * told) return;
  source_->raises = std::max(0, source_->raises - 1);
  source_->limit = most;
  source_->next_limit = now + kLimitEvery;
  std::array<uint8_t, kRtcpBytes> room;
  rtcp::Writer writer(room);
  const uint32_t ssrc = *track.ssrc();
  if (writer.receiver_report({source_->our_ssrc, {}}) &&
      writer.remb(source_->our_ssrc, static_cast<uint64_t>(most), {&ssrc, 1}))
    source_->out->send_rtcp(writer.packet());
}

/// On the source of repetitions, where it disturbs no numbering (RFC 4588; RFC 3550 §5.1 for the bytes).
bool StreamRouter::send_padding(Player& player, TimePoint now) {
  const uint8_t number_id = player.formats.video_transport_cc;
  if (source_->layers.empty()) return false;  // the publisher before this one had video
  if (number_id == 0 || player.video.packets == 0 || !player.path.probing()) return false;
  const auto* const format = playable(player.formats.video, source_->layers.front()->track.format());
  if (format == nullptr || !format->rtx_payload_type) return false;
  std::array<uint8_t, kPaddingBytes> padding{};
  padding.back() = kPaddingBytes;
  for (int bound = 0; bound < 64 && player.path.padding_due(now) > 0; ++bound) {
    std::array<uint8_t, 512> room;
    rtp::PacketWriter writer(room, {false, *format->rtx_payload_type, rtp::Seq16{player.rtx_sequence++},
                                    player.video.last_time(), player.formats.video_rtx_ssrc});
    add_number(player, writer, number_id);
    writer.append(padding);
    writer.packet()[0] |= 0x20;
    counters().padding.add();
    send_numbered(player, writer.packet(), number_id, now);
  }
  return player.path.probing();
}

}  // namespace partyline::sfu
