// Sound through the router. What is lost on the way in is asked for again (NACK) or found in later packets (RED); what
// is lost on the way to a player, too:
//
//   publisher ─ RED(n-1, n) ─▶ n-1 if it was missing, n, each alone ─▶ player without loss, or without RED:  n
//                                                                  ─▶ player that knows RED and loses 10 %:  RED(n-1,
//                                                                  n)
//
// Only a publisher's own encoder can help players that lose sound and know no RED (Opus' in-band FEC): it is told of
// the worst of them in place of what was lost on its own way.
#include <algorithm>
#include <array>
#include <utility>

#include "rtp/payload/red.hpp"
#include "sfu/stream_router_impl.hpp"

namespace partyline::sfu {

using core::MediaKind;
using core::TimePoint;
namespace rtcp = rtp::rtcp;

namespace {

constexpr size_t kMostRedPayload = 1000;
constexpr size_t kMostCopies = 2;
constexpr core::Duration kReportLasts = std::chrono::seconds(15);

}  // namespace

void StreamRouter::receive_audio(core::Buffer packet, const rtp::PacketView& view, TimePoint now) {
  IncomingTrack& track = *source_->audio;
  IncomingTrack::Sound arrived;
  track.receive_sound(std::move(packet), view, now, arrived);
  for (size_t i = 0; i < arrived.size(); ++i)
    for (const auto& [id, player] : players_) forward_audio(*player, arrived[i], now);
  if (track.losses().missing() > 0) ask_for_sound(now);
}

void StreamRouter::forward_audio(Player& player, ForwardPacket& packet, TimePoint now) {
  const auto* format = playable(player.formats.audio, source_->audio->format());
  if (format == nullptr) return counters().no_format.add();
  const uint64_t epoch = epoch_of(*source_->audio);
  const bool starts = !player.audio.follows(epoch);
  if (starts) player.audio.follow(epoch, packet.sequence, packet.timestamp, now);
  const auto header = player.audio.map(packet.sequence, packet.timestamp, now);
  if (!header) return counters().early.add();
  if (starts) send_report(player, MediaKind::audio, *source_->audio, now);
  player.sound_asked.on_sent(packet.sequence);
  if (send_redundant(player, packet, *header, *format, now)) return;
  send(player, player.audio, packet, *header, format->payload_type, now);
}

/// With the packet (the two packets) before it, for who loses packets and knows RED; false: nothing was sent. Where the
/// path is full of the picture already, more would lose more.
bool StreamRouter::send_redundant(Player& player, const ForwardPacket& packet, OutgoingTrack::Header header,
                                  const OutgoingFormat& format, TimePoint now) {
  const size_t wanted = format.red_payload_type ? static_cast<size_t>(player.sound_loss.percent()) / 10 : 0;
  std::array<const ForwardPacket*, kMostCopies> older{};
  size_t copies = 0, bytes = packet.payload().size();
  for (; copies < std::min(wanted, kMostCopies); ++copies) {
    // Without a gap: receivers that count back by numbers are not led astray.
    const ForwardPacket* const before = source_->audio->find(packet.sequence - static_cast<int64_t>(copies) - 1);
    if (before == nullptr) break;
    const uint32_t offset = packet.timestamp.value - before->timestamp.value;
    const size_t more = bytes + before->payload().size();
    const bool fits = before->payload().size() <= rtp::kMostRedBytes && more <= kMostRedPayload;
    if (!fits || offset == 0 || offset > rtp::kMostRedOffset) break;
    const double packet_seconds = static_cast<double>(offset) / 48000 / static_cast<double>(copies + 1);
    if (player.sound_room && static_cast<double>(more) * 8 / packet_seconds > *player.sound_room) break;
    older[copies] = before;
    bytes = more;
  }
  if (copies == 0) return false;
  std::array<uint8_t, 2048> room;
  rtp::PacketWriter writer(
      room, {packet.marker, *format.red_payload_type, header.sequence, header.timestamp, player.audio.ssrc()});
  add_extensions(player, player.audio, packet, writer);
  for (size_t i = copies; i-- > 0;) {
    const uint32_t offset = packet.timestamp.value - older[i]->timestamp.value;
    writer.append(rtp::red_header(format.payload_type, offset, older[i]->payload().size()));
  }
  writer.append({&format.payload_type, 1});
  for (size_t i = copies; i-- > 0;) writer.append(older[i]->payload());
  writer.append(packet.payload());
  ++packets_out_;
  counters().out.add();
  counters().redundant.add();
  ++player.audio.packets;
  player.audio.octets += copies * sizeof(rtp::red_header(0, 0, 0)) + 1 + bytes;
  send_numbered(player, writer.packet(), player.formats.audio_transport_cc, now);
  return true;
}

void StreamRouter::answer_audio_nack(Player& player, const rtcp::Nack& nack, TimePoint now) {
  if (!source_->audio || !player.audio.follows(epoch_of(*source_->audio))) return;
  const auto* format = playable(player.formats.audio, source_->audio->format());
  if (format == nullptr) return;
  ++player.audio_told.nacks_received;
  for (const rtp::Seq16 wanted : nack.sequences) {
    const auto sequence = player.audio.source_sequence(wanted);
    ForwardPacket* const packet = sequence ? source_->audio->find(*sequence) : nullptr;
    if (packet != nullptr) player.sound_asked.on_asked(*sequence);
    if (packet == nullptr) {
      counters().resend_gone.add();
    } else if (!player.may_resend(now)) {
      counters().resend_limit.add();
    } else {
      counters().resent.add();
      ++player.audio_told.packets_resent;
      const auto header = player.audio.header_of(*sequence, packet->timestamp);
      send(player, player.audio, *packet, header, format->payload_type, now);
    }
  }
}

void StreamRouter::ask_for_sound(TimePoint now) {
  IncomingTrack& track = *source_->audio;
  if (!track.ssrc() || track.losses().missing() == 0) return;
  bool gave_up = false;
  const auto lost = track.losses().due(now, LossList::kMostMissing, gave_up);
  if (lost.empty()) return;
  std::array<uint8_t, kRtcpBytes> room;
  rtcp::Writer writer(room);
  writer.receiver_report({source_->our_ssrc, {}});  // so that it is a compound packet (RFC 3550 §6.1)
  if (writer.nack({source_->our_ssrc, *track.ssrc()}, lost)) {
    ++track.stats().nacks_sent;
    source_->out->send_rtcp(writer.packet());
  }
}

void StreamRouter::take_report(Player& player, const rtcp::ReceiverReport& report, TimePoint now) {
  for (const rtcp::ReportBlock& block : report.reports) {
    take_figures(player, block, now);
    if (block.ssrc != player.audio.ssrc()) continue;
    player.sound_lost = block.fraction_lost / 256.0;
    player.sound_loss.on_report(std::max(player.sound_lost, player.sound_asked.share()), now);
    player.sound_reported = now;
  }
}

/// The most that any player that knows no RED has lost of late.
double StreamRouter::sound_lost_by_players(TimePoint now) const {
  double most = 0;
  for (const auto& [id, player] : players_) {
    const auto* format = playable(player->formats.audio, source_->audio->format());
    const bool helpless = format != nullptr && !format->red_payload_type;
    if (helpless && now - player->sound_reported < kReportLasts) most = std::max(most, player->sound_lost);
  }
  return most;
}

}  // namespace partyline::sfu
