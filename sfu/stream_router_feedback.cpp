// What players say by RTCP: keyframes they need, packets they miss, what their paths carry, what they wish for.
#include <algorithm>
#include <array>

#include "rtp/bytes.hpp"
#include "sfu/stream_router_impl.hpp"

namespace partyline::sfu {

using core::TimePoint;
namespace rtcp = rtp::rtcp;

namespace {

constexpr int kMostBlocks = 32;  // of one RTCP packet of a player

}  // namespace

core::Duration StreamRouter::receive_rtcp_from_player(PlayerId id, std::span<const uint8_t> packet, TimePoint now) {
  const auto it = players_.find(id);
  if (it == players_.end() || !source_) return kTick;
  Player& player = *it->second;
  rtcp::Reader reader(packet);
  int blocks = 0;
  while (const auto block = reader.next()) {
    if (++blocks > kMostBlocks) {
      counters().rtcp_blocks.add();
      break;
    }
    take_feedback(player, *block, now);
  }
  if (reader.malformed()) counters().malformed.add();
  take_wish(player, now);
  answer_reference(player);
  return send_padding(player, now) ? kProbingTick : kTick;
}

void StreamRouter::take_feedback(Player& player, const rtcp::Block& block, TimePoint now) {
  const auto pli = rtcp::parse_pli(block);
  const auto fir = rtcp::parse_fir(block);
  if ((pli && pli->media_ssrc == player.video.ssrc()) || fir) {
    ++player.video_told.keyframes_requested_by_peer;
    for (const auto& layer : source_->layers)
      if (needs(player, *layer)) layer->keyframe.wish();
    ask_publisher(now);
  } else if (const auto remb = rtcp::parse_remb(block)) {
    player.path.on_estimate(static_cast<double>(remb->bits_per_second), now);
  } else if (block.type == rtcp::Type::transport_feedback && block.count == rtcp::kTransportCc) {
    if (rtcp::parse_transport_feedback(block, feedback_)) player.path.on_feedback(feedback_, now);
  } else if (const auto tmmbr = rtcp::parse_tmmbr(block)) {
    for (const auto& entry : tmmbr->entries) {
      if (entry.ssrc != player.video.ssrc()) continue;
      player.bound = entry;
      player.bound->ssrc = tmmbr->sender_ssrc;
    }
  } else if (const auto nack = rtcp::parse_nack(block)) {
    if (nack->media_ssrc == player.video.ssrc()) answer_nack(player, *nack, now);
    if (nack->media_ssrc == player.audio.ssrc()) answer_audio_nack(player, *nack, now);
  } else if (const auto report = rtcp::parse_receiver_report(block)) {
    take_report(player, *report, now);
  } else if (const auto extended = rtcp::parse_extended_report(block); extended && extended->receiver_reference) {
    player.reference = rtcp::DlrrEntry{extended->ssrc, extended->receiver_reference->middle(), 0};
  }
}

void StreamRouter::answer_nack(Player& player, const rtcp::Nack& nack, TimePoint now) {
  const auto found = std::ranges::find_if(source_->layers, [&](const auto& each) { return follows(player, *each); });
  if (found == source_->layers.end()) return;
  VideoLayer& layer = **found;
  const auto* format = playable(player.formats.video, layer.track.format());
  if (format == nullptr) return;
  ++player.video_told.nacks_received;
  for (const rtp::Seq16 wanted : nack.sequences) {
    const auto sequence = player.video.source_sequence(wanted);
    ForwardPacket* const packet = sequence ? layer.track.find(*sequence) : nullptr;
    if (packet == nullptr) {
      counters().resend_gone.add();
    } else if (!player.may_repeat(*sequence, packet->size, now)) {
      counters().resend_limit.add();
    } else {
      counters().resent.add();
      ++player.video_told.packets_resent;
      player.renumbering.apply(packet->numbers, packet->bytes().subspan(rtp::kRtpHeaderBytes), false);
      repeat(player, *packet, player.video.header_of(*sequence, packet->timestamp), *format, now);
    }
  }
}

/// As RTX (RFC 4588 §4) where the player knows it: its own source, and the original number before the payload.
void StreamRouter::repeat(Player& player, ForwardPacket& packet, OutgoingTrack::Header header,
                          const OutgoingFormat& format, TimePoint now) {
  if (!format.rtx_payload_type) return send(player, player.video, packet, header, format.payload_type, now);
  std::array<uint8_t, 2048> room;
  rtp::PacketWriter writer(room, {packet.marker, *format.rtx_payload_type, rtp::Seq16{player.rtx_sequence++},
                                  header.timestamp, player.formats.video_rtx_ssrc});
  std::array<uint8_t, 2> original;
  rtp::write_u16(original.data(), header.sequence.value);
  const uint8_t number_id = player.formats.video_transport_cc;
  if (number_id != 0) add_number(player, writer, number_id);
  if (!writer.append(original) || !writer.append(packet.payload())) return;
  ++packets_out_;
  counters().out.add();
  send_numbered(player, writer.packet(), number_id, now);
}

}  // namespace partyline::sfu
