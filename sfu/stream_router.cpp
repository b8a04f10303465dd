#include "sfu/stream_router.hpp"

#include <algorithm>
#include <utility>

#include "core/counters.hpp"
#include "core/random.hpp"
#include "rtp/bytes.hpp"

namespace partyline::sfu {

using core::MediaKind;
using core::TimePoint;
namespace rtcp = rtp::rtcp;

namespace {

constexpr core::Duration kKeyframePatience = std::chrono::seconds(3);
constexpr core::Duration kArrivalsEvery = std::chrono::milliseconds(100);
constexpr core::Duration kReportEvery = std::chrono::seconds(1);
constexpr core::Duration kReportsApart = std::chrono::milliseconds(100);  // of one track, to its players
constexpr double kResendsPerSecond = 1000, kResendBurst = 400;            // packets, a player
constexpr size_t kRtcpBytes = 1200;

struct Counters {
  core::Counter& malformed = core::counter("partyline_sfu_dropped_total", "reason=\"malformed\"");
  core::Counter& stranger = core::counter("partyline_sfu_dropped_total", "reason=\"unknown_ssrc\"");
  core::Counter& no_format = core::counter("partyline_sfu_dropped_total", "reason=\"player_lacks_codec\"");
  core::Counter& no_keyframe = core::counter("partyline_sfu_dropped_total", "reason=\"awaits_keyframe\"");
  core::Counter& early = core::counter("partyline_sfu_dropped_total", "reason=\"before_start\"");
  core::Counter& resend_gone = core::counter("partyline_sfu_resend_refused_total", "reason=\"not_kept\"");
  core::Counter& resend_limit = core::counter("partyline_sfu_resend_refused_total", "reason=\"limit\"");
  core::Counter& resent = core::counter("partyline_sfu_resent_total");
  core::Counter& in = core::counter("partyline_sfu_packets_received_total");
  core::Counter& out = core::counter("partyline_sfu_packets_sent_total");
  core::Counter& keyframes_asked = core::counter("partyline_sfu_keyframes_requested_total");
};
Counters& counters() {
  static Counters instance;
  return instance;
}

const OutgoingFormat* playable(const std::vector<OutgoingFormat>& formats, const IncomingFormat& incoming) {
  const auto fits = [&](const OutgoingFormat& format) {
    return format.codec == incoming.codec && format.h264_packetization_mode >= incoming.h264_packetization_mode;
  };
  const auto found = std::ranges::find_if(formats, fits);
  return found == formats.end() ? nullptr : &*found;
}

}  // namespace

struct StreamRouter::Source {
  PacketOut* out = nullptr;
  std::optional<IncomingTrack> audio, video;
  uint64_t number = 0;
  uint32_t our_ssrc = core::random_u32();
  ArrivalLog arrivals;
  KeyframeWish keyframe;
  uint8_t fir_command = 0;
  std::optional<rtcp::NtpTime> ntp_offset;  // from the publisher's clock to ours
  TimePoint next_arrivals{}, next_report{};
  struct Reports {
    bool due = false;  // the track has one that the players have not
    TimePoint last{};  // when they got the one before
  };
  Reports audio_reports, video_reports;

  Reports& reports(MediaKind kind) { return kind == MediaKind::audio ? audio_reports : video_reports; }
  std::optional<IncomingTrack>& track(MediaKind kind) { return kind == MediaKind::audio ? audio : video; }
};

struct StreamRouter::Player {
  Player(PlayerFormats f, PacketOut& o, TimePoint now)
      : formats(std::move(f)),
        out(&o),
        audio(formats.audio_ssrc, 48000, static_cast<uint16_t>(core::random_u32()), core::random_u32()),
        video(formats.video_ssrc, 90000, static_cast<uint16_t>(core::random_u32()), core::random_u32()),
        waiting_since(now),
        resends_at(now) {}

  OutgoingTrack& track(MediaKind kind) { return kind == MediaKind::audio ? audio : video; }

  bool may_resend(TimePoint now) {
    const double seconds = std::chrono::duration<double>(now - resends_at).count();
    resends = std::min(kResendBurst, resends + seconds * kResendsPerSecond);
    resends_at = now;
    if (resends < 1) return false;
    resends -= 1;
    return true;
  }

  PlayerFormats formats;
  PacketOut* out;
  OutgoingTrack audio, video;
  uint64_t waiting_epoch = 0;  // of the video source whose keyframe is awaited
  TimePoint waiting_since;
  uint16_t rtx_sequence = static_cast<uint16_t>(core::random_u32());
  double resends = kResendBurst;
  TimePoint resends_at;
};

StreamRouter::StreamRouter() = default;
StreamRouter::~StreamRouter() = default;

void StreamRouter::set_publisher(const PublisherFormats& formats, PacketOut& out, TimePoint now) {
  source_ = std::make_unique<Source>();
  source_->out = &out;
  source_->number = ++publishers_;
  if (formats.audio) source_->audio.emplace(*formats.audio);
  if (formats.video) source_->video.emplace(*formats.video);
  source_->next_arrivals = now + kArrivalsEvery;
  source_->next_report = now + kReportEvery;
  if (!players_.empty()) source_->keyframe.wish();
}

void StreamRouter::clear_publisher() {
  source_.reset();
}

StreamRouter::PlayerId StreamRouter::add_player(PlayerFormats formats, PacketOut& out, TimePoint now) {
  const PlayerId id = next_player_++;
  players_.emplace(id, std::make_unique<Player>(std::move(formats), out, now));
  if (source_) {
    source_->keyframe.wish();
    ask_publisher(now);
  }
  return id;
}

void StreamRouter::remove_player(PlayerId id) {
  players_.erase(id);
}

uint64_t StreamRouter::epoch_of(const IncomingTrack& track) const {
  return source_->number << 32 | (track.epoch() & 0xFFFFFFFF);
}

void StreamRouter::receive_from_publisher(core::Buffer packet, TimePoint now) {
  const auto view = rtp::parse_packet(packet.span());
  if (!source_ || !view) return counters().malformed.add();
  counters().in.add();
  ++packets_in_;
  IncomingTrack* track = nullptr;
  for (auto* candidate : {&source_->audio, &source_->video})
    if (*candidate && (*candidate)->format().carries(view->payload_type)) track = &**candidate;
  // Congestion control counts every packet, forwarded or not.
  const uint8_t extension = track ? track->format().transport_cc_extension : 0;
  if (const auto sequence = view->transport_sequence(extension)) {
    source_->arrivals.receive(*sequence, now);
    if (source_->arrivals.full()) report_arrivals();
  }
  const bool repeated = track && track->format().rtx_payload_type == view->payload_type;
  if (track == nullptr || (!repeated && !track->claims(view->ssrc, now))) return counters().stranger.add();
  const bool video = core::kind_of(track->format().codec) == MediaKind::video;
  const uint64_t epoch_before = track->epoch();
  auto forward =
      repeated ? track->receive_repeated(std::move(packet), *view, now) : track->receive(std::move(packet), *view, now);
  if (video && (track->take_hopeless() || (track->epoch() != epoch_before && !players_.empty())))
    source_->keyframe.wish();
  if (forward) {
    for (const auto& [id, player] : players_) {
      if (video)
        forward_video(*player, *forward, now);
      else
        forward_audio(*player, *forward, now);
    }
    if (forward->keyframe_start) source_->keyframe.keyframe_began();
  }
  if (video && (track->losses().missing() > 0 || source_->keyframe.wanted())) ask_publisher(now);
}

void StreamRouter::forward_audio(Player& player, ForwardPacket& packet, TimePoint now) {
  const auto* format = playable(player.formats.audio, source_->audio->format());
  if (format == nullptr) return counters().no_format.add();
  const uint64_t epoch = epoch_of(*source_->audio);
  const bool starts = !player.audio.follows(epoch);
  if (starts) player.audio.follow(epoch, packet.sequence, packet.timestamp, now);
  const auto header = player.audio.map(packet.sequence, packet.timestamp, now);
  if (!header) return counters().early.add();
  if (starts) send_report(player, MediaKind::audio);
  send(player, player.audio, packet, *header, format->payload_type);
}

void StreamRouter::forward_video(Player& player, ForwardPacket& packet, TimePoint now) {
  const auto* format = playable(player.formats.video, source_->video->format());
  if (format == nullptr) return counters().no_format.add();
  const uint64_t epoch = epoch_of(*source_->video);
  const bool starts = !player.video.follows(epoch);
  if (starts) {
    if (player.waiting_epoch != epoch) {
      player.waiting_epoch = epoch;
      player.waiting_since = now;
    }
    // Streams without recognisable keyframes (intra refresh) must play, too.
    if (!packet.keyframe_start && now - player.waiting_since < kKeyframePatience) return counters().no_keyframe.add();
    player.video.follow(epoch, packet.sequence, packet.timestamp, now);
  }
  const auto header = player.video.map(packet.sequence, packet.timestamp, now);
  if (!header) return counters().early.add();
  if (starts) send_report(player, MediaKind::video);
  send(player, player.video, packet, *header, format->payload_type);
}

void StreamRouter::send(Player& player, OutgoingTrack& track, ForwardPacket& packet, OutgoingTrack::Header header,
                        uint8_t payload_type) {
  ++packets_out_;
  counters().out.add();
  ++track.packets;
  track.octets += static_cast<uint32_t>(packet.size - rtp::kRtpHeaderBytes);
  const uint8_t level_id = player.formats.audio_level_extension;
  if (packet.audio_level && level_id != 0 && &track == &player.audio) {
    std::array<uint8_t, 2048> room;
    rtp::PacketWriter writer(room, {packet.marker, payload_type, header.sequence, header.timestamp, track.ssrc()});
    const uint8_t level = *packet.audio_level;
    if (writer.add_extension(level_id, {&level, 1}) && writer.append(packet.payload()))
      return player.out->send_rtp(writer.packet());
  }
  const auto bytes = packet.bytes();
  rtp::set_payload_type(bytes, payload_type);
  rtp::set_sequence(bytes, header.sequence);
  rtp::set_timestamp(bytes, header.timestamp);
  rtp::set_ssrc(bytes, track.ssrc());
  player.out->send_rtp(bytes);
}

void StreamRouter::receive_rtcp_from_publisher(std::span<const uint8_t> packet, TimePoint now) {
  if (!source_) return;
  rtcp::Reader reader(packet);
  while (const auto block = reader.next()) {
    const auto report = rtcp::parse_sender_report(*block);
    if (!report) continue;
    for (const MediaKind kind : {MediaKind::audio, MediaKind::video}) {
      auto& track = source_->track(kind);
      if (!track || track->ssrc() != report->ssrc) continue;
      if (!source_->ntp_offset)
        source_->ntp_offset = rtcp::NtpTime{rtcp::to_ntp(now.time_since_epoch()).value - report->ntp.value};
      track->receive_sender_report(*report, now);
      source_->reports(kind).due = true;
    }
  }
  if (reader.malformed()) counters().malformed.add();
  for (const MediaKind kind : {MediaKind::audio, MediaKind::video}) forward_report(kind, now);
}

/// The last report of a packet, and no more than one each kReportsApart: else one packet full of them would become
/// hundreds to every player.
void StreamRouter::forward_report(MediaKind kind, TimePoint now) {
  auto& [due, last] = source_->reports(kind);
  if (!due || now < last + kReportsApart) return;
  due = false;
  last = now;
  const auto& track = source_->track(kind);
  for (const auto& [id, player] : players_)
    if (player->track(kind).follows(epoch_of(*track))) send_report(*player, kind);
}

void StreamRouter::send_report(Player& player, MediaKind kind) {
  const auto& track = source_->track(kind);
  if (!track || !track->last_report() || !source_->ntp_offset) return;
  const OutgoingTrack& outgoing = player.track(kind);
  rtcp::SenderReport report;
  report.ssrc = outgoing.ssrc();
  report.ntp.value = track->last_report()->ntp.value + source_->ntp_offset->value;
  report.rtp_time = outgoing.map_time(track->last_report()->rtp_time);
  report.packet_count = outgoing.packets;
  report.octet_count = outgoing.octets;
  std::array<uint8_t, kRtcpBytes> room;
  rtcp::Writer writer(room);
  if (writer.sender_report(report) && writer.source_description(outgoing.ssrc(), player.formats.cname))
    player.out->send_rtcp(writer.packet());
}

void StreamRouter::receive_rtcp_from_player(PlayerId id, std::span<const uint8_t> packet, TimePoint now) {
  const auto it = players_.find(id);
  if (it == players_.end() || !source_) return;
  Player& player = *it->second;
  rtcp::Reader reader(packet);
  while (const auto block = reader.next()) {
    const auto pli = rtcp::parse_pli(*block);
    const auto fir = rtcp::parse_fir(*block);
    if ((pli && pli->media_ssrc == player.video.ssrc()) || fir) {
      source_->keyframe.wish();
      ask_publisher(now);
    } else if (const auto nack = rtcp::parse_nack(*block)) {
      if (nack->media_ssrc == player.video.ssrc()) answer_nack(player, *nack, now);
    }
  }
  if (reader.malformed()) counters().malformed.add();
}

void StreamRouter::answer_nack(Player& player, const rtcp::Nack& nack, TimePoint now) {
  if (!source_->video || !player.video.follows(epoch_of(*source_->video))) return;
  const auto* format = playable(player.formats.video, source_->video->format());
  if (format == nullptr) return;
  for (const rtp::Seq16 wanted : nack.sequences) {
    const auto sequence = player.video.source_sequence(wanted);
    ForwardPacket* const packet = sequence ? source_->video->find(*sequence) : nullptr;
    if (packet == nullptr) {
      counters().resend_gone.add();
    } else if (!player.may_resend(now)) {
      counters().resend_limit.add();
    } else {
      counters().resent.add();
      repeat(player, *packet, player.video.header_of(*sequence, packet->timestamp), *format);
    }
  }
}

/// As RTX (RFC 4588 §4) where the player knows it: its own source, and the original number before the payload.
void StreamRouter::repeat(Player& player, ForwardPacket& packet, OutgoingTrack::Header header,
                          const OutgoingFormat& format) {
  if (!format.rtx_payload_type) return send(player, player.video, packet, header, format.payload_type);
  std::array<uint8_t, 2048> room;
  rtp::PacketWriter writer(room, {packet.marker, *format.rtx_payload_type, rtp::Seq16{player.rtx_sequence++},
                                  header.timestamp, player.formats.video_rtx_ssrc});
  std::array<uint8_t, 2> original;
  rtp::write_u16(original.data(), header.sequence.value);
  if (!writer.append(original) || !writer.append(packet.payload())) return;
  ++packets_out_;
  counters().out.add();
  player.out->send_rtp(writer.packet());
}

void StreamRouter::tick(TimePoint now) {
  if (!source_) return;
  ask_publisher(now);
  for (const MediaKind kind : {MediaKind::audio, MediaKind::video}) forward_report(kind, now);
  if (now >= source_->next_arrivals) {
    source_->next_arrivals = now + kArrivalsEvery;
    report_arrivals();
  }
  if (now >= source_->next_report) {
    source_->next_report = now + kReportEvery;
    report_reception(now);
  }
}

void StreamRouter::ask_publisher(TimePoint now) {
  if (!source_->video || !source_->video->ssrc()) return;
  IncomingTrack& video = *source_->video;
  const rtcp::FeedbackHeader header{source_->our_ssrc, *video.ssrc()};
  std::array<uint8_t, kRtcpBytes> room;
  rtcp::Writer writer(room);
  writer.receiver_report({source_->our_ssrc, {}});  // so that it is a compound packet (RFC 3550 §6.1)
  bool gave_up = false, something = false;
  const auto lost = video.losses().due(now, LossList::kMostMissing, gave_up);
  if (!lost.empty()) something = writer.nack(header, lost);
  if (gave_up && !players_.empty()) source_->keyframe.wish();
  if (source_->keyframe.due(now)) {
    counters().keyframes_asked.add();
    const bool use_fir = video.format().fir && !video.format().pli;
    if (use_fir)
      something |= writer.fir(source_->our_ssrc, {*video.ssrc(), source_->fir_command++});
    else
      something |= writer.pli(header);
  }
  if (something) source_->out->send_rtcp(writer.packet());
}

void StreamRouter::report_arrivals() {
  rtcp::TransportFeedback feedback;
  if (!source_->arrivals.take(feedback)) return;
  feedback.sender_ssrc = source_->our_ssrc;
  for (const auto* track : {&source_->audio, &source_->video})
    if (*track && (*track)->ssrc()) feedback.media_ssrc = *(*track)->ssrc();
  std::array<uint8_t, kRtcpBytes> room;
  rtcp::Writer writer(room);
  if (writer.receiver_report({source_->our_ssrc, {}}) && writer.transport_feedback(feedback))
    source_->out->send_rtcp(writer.packet());
}

void StreamRouter::report_reception(TimePoint now) {
  rtcp::ReceiverReport report;
  report.ssrc = source_->our_ssrc;
  for (auto* track : {&source_->audio, &source_->video}) {
    if (!*track || !(*track)->ssrc()) continue;
    if (const auto block = (*track)->reception().report(*(*track)->ssrc(), now)) report.reports.push(*block);
  }
  if (report.reports.empty()) return;
  std::array<uint8_t, kRtcpBytes> room;
  rtcp::Writer writer(room);
  if (writer.receiver_report(report)) source_->out->send_rtcp(writer.packet());
}

}  // namespace partyline::sfu
