#include "sfu/stream_router.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "rtp/bytes.hpp"
#include "sfu/stream_router_impl.hpp"

namespace partyline::sfu {

using core::MediaKind;
using core::TimePoint;
namespace rtcp = rtp::rtcp;

namespace {

constexpr core::Duration kArrivalsEvery = std::chrono::milliseconds(100);
constexpr core::Duration kReportEvery = std::chrono::seconds(1);
constexpr core::Duration kReportsApart = std::chrono::milliseconds(100);  // of one track, to its players

}  // namespace

const OutgoingFormat* playable(const std::vector<OutgoingFormat>& formats, const IncomingFormat& incoming) {
  const auto fits = [&](const OutgoingFormat& format) {
    return format.codec == incoming.codec && format.h264_packetization_mode >= incoming.h264_packetization_mode;
  };
  const auto found = std::ranges::find_if(formats, fits);
  return found == formats.end() ? nullptr : &*found;
}

StreamRouter::StreamRouter() = default;
StreamRouter::~StreamRouter() = default;

void StreamRouter::set_publisher(const PublisherFormats& formats, PacketOut& out, TimePoint now) {
  source_ = std::make_unique<Source>();
  source_->out = &out;
  source_->number = ++publishers_;
  if (formats.audio) source_->audio.emplace(*formats.audio);
  if (formats.video) {
    std::vector<std::string> rids = formats.video->simulcast.rids;
    if (rids.empty()) rids.emplace_back();
    for (const std::string& rid : rids) {
      const size_t index = source_->layers.size();
      source_->layers.push_back(std::make_unique<VideoLayer>(*formats.video, rid, index));
      if (index < formats.video->simulcast.promises.size())
        source_->layers.back()->promise = formats.video->simulcast.promises[index];
    }
  }
  source_->next_arrivals = now + kArrivalsEvery;
  source_->next_report = now + kReportEvery;
  for (const auto& [id, player] : players_) {
    player->choice = {};
    player->change.reset();
    player->mid_picture = false;
    player->sound_room.reset();
    // What was told of the last one's packets says nothing of these.
    player->audio_told.peer_fraction_lost = player->video_told.peer_fraction_lost = 0;
  }
  for (const auto& layer : source_->layers)
    if (is_needed(*layer)) layer->keyframe.wish();
}

void StreamRouter::clear_publisher() {
  source_.reset();
}

StreamRouter::PlayerId StreamRouter::add_player(PlayerFormats formats, PacketOut& out, TimePoint now) {
  const PlayerId id = next_player_++;
  const auto& player = *players_.emplace(id, std::make_unique<Player>(std::move(formats), out, now)).first->second;
  if (!source_) return id;
  choose_layers(now);
  for (const auto& layer : source_->layers)
    if (needs(player, *layer)) layer->keyframe.wish();
  ask_publisher(now);
  return id;
}

void StreamRouter::remove_player(PlayerId id) {
  players_.erase(id);
}

uint64_t StreamRouter::epoch_of(const IncomingTrack& track, size_t layer) const {
  return source_->number << 32 | layer << 28 | (track.epoch() & 0xFFFFFFF);
}

void StreamRouter::receive_from_publisher(core::Buffer packet, TimePoint now) {
  const auto view = rtp::parse_packet(packet.span());
  if (!source_ || !view) return counters().malformed.add();
  counters().in.add();
  ++packets_in_;
  const auto has_type = [&](const IncomingTrack& track) { return track.format().carries(view->payload_type); };
  IncomingTrack* const audio = source_->audio && has_type(*source_->audio) ? &*source_->audio : nullptr;
  const bool video = !source_->layers.empty() && has_type(source_->layers.front()->track);
  // Congestion control counts every packet, forwarded or not.
  const uint8_t extension = audio   ? audio->format().transport_cc_extension
                            : video ? source_->layers.front()->track.format().transport_cc_extension
                                    : uint8_t{0};
  if (const auto sequence = view->transport_sequence(extension)) {
    source_->arrivals.receive(*sequence, now);
    if (source_->arrivals.full()) report_arrivals();
  }
  if (VideoLayer* const layer = video ? layer_of(*view, now) : nullptr) {
    return receive_video(*layer, std::move(packet), *view, now);
  }
  // Padding that asks for more comes as RTX of no layer at all.
  if (video && source_->layers.front()->track.format().rtx_payload_type == view->payload_type)
    return counters().useless_rtx.add();
  if (!audio || !audio->claims(view->ssrc, now)) return counters().stranger.add();
  receive_audio(std::move(packet), *view, now);
}

void StreamRouter::send(Player& player, OutgoingTrack& track, ForwardPacket& packet, OutgoingTrack::Header header,
                        uint8_t payload_type, TimePoint now) {
  ++packets_out_;
  counters().out.add();
  ++track.packets;
  track.octets += static_cast<uint32_t>(packet.size - rtp::kRtpHeaderBytes);
  const bool level = &track == &player.audio && packet.audio_level && player.formats.audio_level_extension != 0;
  if (level || player.transport_cc(track) != 0) {
    std::array<uint8_t, 2048> room;
    rtp::PacketWriter writer(room, {packet.marker, payload_type, header.sequence, header.timestamp, track.ssrc()});
    add_extensions(player, track, packet, writer);
    if (writer.append(packet.payload())) return send_numbered(player, writer.packet(), player.transport_cc(track), now);
  }
  const auto bytes = packet.bytes();
  rtp::set_payload_type(bytes, payload_type);
  rtp::set_sequence(bytes, header.sequence);
  rtp::set_timestamp(bytes, header.timestamp);
  rtp::set_ssrc(bytes, track.ssrc());
  player.out->send_rtp(bytes);
}

void StreamRouter::add_extensions(Player& player, const OutgoingTrack& track, const ForwardPacket& packet,
                                  rtp::PacketWriter& writer) {
  const uint8_t level_id = &track == &player.audio ? player.formats.audio_level_extension : uint8_t{0};
  if (level_id != 0 && packet.audio_level) writer.add_extension(level_id, {&*packet.audio_level, 1});
  if (const uint8_t number_id = player.transport_cc(track)) add_number(player, writer, number_id);
}

void StreamRouter::add_number(Player& player, rtp::PacketWriter& writer, uint8_t extension) {
  std::array<uint8_t, 2> number;
  rtp::write_u16(number.data(), player.path.number());
  writer.add_extension(extension, number);
}

void StreamRouter::send_numbered(Player& player, std::span<const uint8_t> packet, uint8_t extension, TimePoint now) {
  if (extension != 0) player.path.on_sent(packet.size(), now);
  player.out->send_rtp(packet);
}

void StreamRouter::receive_rtcp_from_publisher(std::span<const uint8_t> packet, TimePoint now) {
  if (!source_) return;
  rtcp::Reader reader(packet);
  const auto take = [&](IncomingTrack& track, DueReports& reports, const rtcp::SenderReport& report) {
    if (track.ssrc() != report.ssrc) return;
    if (!source_->ntp_offset)
      source_->ntp_offset = rtcp::NtpTime{rtcp::to_ntp(now.time_since_epoch()).value - report.ntp.value};
    track.receive_sender_report(report, now);
    reports.due = true;
  };
  while (const auto block = reader.next()) {
    if (const auto extended = rtcp::parse_extended_report(*block))
      for (const auto& entry : extended->dlrr)
        if (entry.ssrc == source_->our_ssrc)
          source_->references.on_named(entry.last_receiver_report, entry.delay_since_last, now);
    const auto report = rtcp::parse_sender_report(*block);
    if (!report) continue;
    if (source_->audio) take(*source_->audio, source_->audio_reports, *report);
    for (const auto& layer : source_->layers) take(layer->track, layer->reports, *report);
  }
  if (reader.malformed()) counters().malformed.add();
  forward_reports(now);
}

/// The last report of a packet, and no more than one each kReportsApart: else one packet full of them would become
/// hundreds to every player.
void StreamRouter::forward_reports(TimePoint now) {
  const auto is_due = [now](DueReports& reports) {
    if (!reports.due || now < reports.last + kReportsApart) return false;
    reports = {false, now};
    return true;
  };
  if (source_->audio && is_due(source_->audio_reports)) {
    for (const auto& [id, player] : players_)
      if (player->audio.follows(epoch_of(*source_->audio)))
        send_report(*player, MediaKind::audio, *source_->audio, now);
  }
  for (const auto& layer : source_->layers) {
    if (!is_due(layer->reports)) continue;
    for (const auto& [id, player] : players_)
      if (follows(*player, *layer)) send_report(*player, MediaKind::video, layer->track, now);
  }
}

void StreamRouter::send_report(Player& player, MediaKind kind, const IncomingTrack& track, TimePoint now) {
  if (!track.last_report() || !source_->ntp_offset) return;
  const OutgoingTrack& outgoing = player.track(kind);
  rtcp::SenderReport report;
  report.ssrc = outgoing.ssrc();
  report.ntp.value = track.last_report()->ntp.value + source_->ntp_offset->value;
  report.rtp_time = outgoing.map_time(track.last_report()->rtp_time);
  report.packet_count = static_cast<uint32_t>(outgoing.packets);
  report.octet_count = static_cast<uint32_t>(outgoing.octets);
  std::array<uint8_t, kRtcpBytes> room;
  rtcp::Writer writer(room);
  if (!writer.sender_report(report) || !writer.source_description(outgoing.ssrc(), player.formats.cname)) return;
  player.reports.on_sent(report.ntp.middle(), now);
  player.out->send_rtcp(writer.packet());
}

core::Duration StreamRouter::tick(TimePoint now) {
  if (!source_) return kTick;
  if (now >= source_->next_choice) choose_layers(now);
  ask_publisher(now);
  forward_reports(now);
  if (now >= source_->next_arrivals) {
    source_->next_arrivals = now + kArrivalsEvery;
    report_arrivals();
  }
  if (now >= source_->next_report) {
    source_->next_report = now + kReportEvery;
    report_reception(now);
  }
  bool probing = false;
  for (const auto& [id, player] : players_) {
    player->path.tick(now);
    probing |= send_padding(*player, now);
  }
  return probing ? kProbingTick : kTick;
}

void StreamRouter::ask_publisher(TimePoint now) {
  if (source_->audio) ask_for_sound(now);
  for (const auto& layer : source_->layers) ask_publisher(*layer, now);
}

TimePoint StreamRouter::last_heard(const VideoLayer& layer) const {
  const TimePoint picture = layer.track.last_packet();
  return source_->audio ? std::max(picture, source_->audio->last_packet()) : picture;
}

void StreamRouter::ask_publisher(VideoLayer& layer, TimePoint now) {
  IncomingTrack& video = layer.track;
  if (!video.ssrc()) return;
  const rtcp::FeedbackHeader header{source_->our_ssrc, *video.ssrc()};
  std::array<uint8_t, kRtcpBytes> room;
  rtcp::Writer writer(room);
  writer.receiver_report({source_->our_ssrc, {}});  // so that it is a compound packet (RFC 3550 §6.1)
  bool gave_up = false, something = false;
  const auto lost = video.losses().due(now, LossList::kMostMissing, gave_up);
  if (!lost.empty()) something = writer.nack(header, lost);
  if (!lost.empty()) ++video.stats().nacks_sent;
  if (gave_up && is_needed(layer)) layer.keyframe.wish();
  // One of several sizes that does not come (any more) makes no keyframe; a lone one may only have had nothing to show.
  const bool comes = source_->layers.size() == 1 || layer.comes(now) || (layer.on_demand() && layer.told_to_send);
  const auto in_silence =
      is_needed(layer) ? layer.silence.take(last_heard(layer), now) : rtp::SilenceWatch::Request::none;
  if (comes && (layer.keyframe.due(now) || in_silence != rtp::SilenceWatch::Request::none)) {
    if (in_silence != rtp::SilenceWatch::Request::again) {
      counters().keyframes_asked.add();
      ++video.stats().keyframes_requested_by_us;
    }
    const bool use_fir = video.format().fir && !video.format().pli;
    if (use_fir)
      something |= writer.fir(source_->our_ssrc, {*video.ssrc(), layer.fir_command++});
    else
      something |= writer.pli(header);
  }
  if (something) source_->out->send_rtcp(writer.packet());
}

void StreamRouter::report_arrivals() {
  rtcp::TransportFeedback& feedback = feedback_;
  if (!source_->arrivals.take(feedback)) return;
  feedback.sender_ssrc = source_->our_ssrc;
  if (source_->audio && source_->audio->ssrc()) feedback.media_ssrc = *source_->audio->ssrc();
  for (const auto& layer : source_->layers)
    if (layer->track.ssrc()) feedback.media_ssrc = *layer->track.ssrc();
  std::array<uint8_t, kRtcpBytes> room;
  rtcp::Writer writer(room);
  if (writer.receiver_report({source_->our_ssrc, {}}) && writer.transport_feedback(feedback))
    source_->out->send_rtcp(writer.packet());
}

void StreamRouter::report_reception(TimePoint now) {
  rtcp::ReceiverReport report;
  report.ssrc = source_->our_ssrc;
  const auto add = [&](IncomingTrack& track, double least_lost) {
    auto block = track.ssrc() ? track.reception().report(*track.ssrc(), now) : std::nullopt;
    if (!block) return;
    block->fraction_lost = std::max(block->fraction_lost, static_cast<uint8_t>(least_lost * 255));
    report.reports.push(*block);
  };
  if (source_->audio) add(*source_->audio, sound_lost_by_players(now));
  for (const auto& layer : source_->layers) add(layer->track, 0);
  if (report.reports.empty()) return;
  std::array<uint8_t, kRtcpBytes> room;
  rtcp::Writer writer(room);
  const rtcp::NtpTime reference = rtcp::to_ntp(now.time_since_epoch());
  if (!writer.receiver_report(report)) return;
  if (writer.receiver_reference(source_->our_ssrc, reference)) source_->references.on_sent(reference.middle(), now);
  source_->out->send_rtcp(writer.packet());
}

}  // namespace partyline::sfu
