// RTP out: cutting frames into packets, numbering, pacing, resending, DTMF.
#include <algorithm>
#include <array>

#include "rtp/bytes.hpp"
#include "rtp/payload/h264.hpp"
#include "rtp/payload/vp8.hpp"
#include "rtp/session_impl.hpp"

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;

constexpr size_t kMaxAudioPayload = 1400, kMaxRedPayload = 1000;
constexpr uint64_t kPacketsWithMid = 100;  // enough for the peer to learn it
constexpr size_t kMostNameBytes = 16;      // a one-byte extension element's (RFC 8285 §4.2)
constexpr size_t kExtensionRoom = 4 + 3 + 2 + 17 + 3, kRidRoom = 9;
constexpr uint8_t kSilence = 127, kNoVoice = 60;  // -dBov; louder: the V bit (RFC 6464 §3)

// One for all sessions of a thread: it is done with when send() returns, and stays in the caches.
thread_local PayloadPlan payloads;

}  // namespace

void add_name(PacketWriter& writer, uint8_t extension, std::string_view name) {
  if (extension == 0 || name.empty()) return;
  writer.add_extension(extension,
                       {reinterpret_cast<const uint8_t*>(name.data()), std::min<size_t>(name.size(), kMostNameBytes)});
}

bool Session::Impl::plan(Track& track, const core::EncodedFrame& frame) {
  const size_t room =
      config.max_packet_bytes - kRtpHeaderBytes - kExtensionRoom - (track.config.rid.empty() ? 0 : kRidRoom);
  switch (frame.codec) {
    case core::Codec::h264: {
      const int mode = track.config.send_format->h264.packetization_mode;
      counters.nal_too_large.add(h264::packetize(frame.data, mode, room, payloads));
      break;
    }
    case core::Codec::vp8:
      vp8::packetize(frame.data, track.picture_id, room, payloads);
      track.picture_id = (track.picture_id + 1) & 0x7FFF;
      break;
    default:
      plan_audio(track, frame);
  }
  return payloads.packets() > 0;
}

// Who loses packets and knows RED gets the last packet (the last two) once more in front of each.
void Session::Impl::plan_audio(Track& track, const core::EncodedFrame& frame) {
  payloads.clear();
  track.sending_red = false;
  if (frame.data.empty() || frame.data.size() > kMaxAudioPayload) return;
  size_t copies = 0, bytes = frame.data.size();
  const size_t wanted = track.config.red_send ? static_cast<size_t>(track.expected_loss.percent()) / 10 : 0;
  for (; copies < std::min(wanted, track.sent_audio.size()); ++copies) {
    const Track::SentAudio& older = track.sent_audio[copies];
    const int64_t offset = frame.rtp_time - older.rtp_time;
    bytes += older.data.size();
    if (older.data.empty() || older.data.size() > kMostRedBytes || bytes > kMaxRedPayload) break;
    if (offset <= 0 || offset > static_cast<int64_t>(kMostRedOffset)) break;
  }
  const uint8_t type = track.config.send_format->payload_type;
  for (size_t i = copies; i-- > 0;) {
    const Track::SentAudio& older = track.sent_audio[i];
    const auto header = red_header(type, static_cast<uint32_t>(frame.rtp_time - older.rtp_time), older.data.size());
    payloads.add_piece({header[0], header[1], header[2], header[3]}, {});
  }
  if (copies > 0) payloads.add_piece({type}, {});
  for (size_t i = copies; i-- > 0;) payloads.add_piece({}, track.sent_audio[i].data);
  payloads.add_piece({}, frame.data);
  payloads.end_packet();
  track.sending_red = copies > 0;
}

bool Session::Impl::send(const core::EncodedFrame& frame, core::TimePoint now) {
  const auto found = std::find_if(tracks.begin(), tracks.end(), [&](const auto& t) {
    return t->config.sending && t->config.send_format && t->config.send_format->codec == frame.codec;
  });
  if (found == tracks.end()) {
    counters.not_sending.add();
    return false;
  }
  Track& track = **found;
  if (frame.after_loss && !frame.keyframe) {
    // A number that is left out tells the receiver of the gap, which it fills, or asks for a keyframe.
    track.out.next_sequence();
    track.sent_audio = {};  // redundancy counts back by numbers
  }
  if (!plan(track, frame)) return false;
  const RtpTime32 time = track.out.stamp(frame);
  for (size_t i = 0; i < payloads.packets(); ++i) {
    const bool marker = track.video() ? i + 1 == payloads.packets() : frame.marker;
    const uint8_t type = track.sending_red ? *track.config.red_send : track.config.send_format->payload_type;
    const PacketHeader header{marker, type, track.out.next_sequence(), time, track.out.ssrc()};
    send_packet(track, header, payloads.packet(i), frame.audio_level, now);
  }
  if (track.config.red_send) {
    track.sent_audio[1] = std::move(track.sent_audio[0]);
    track.sent_audio[0] = {frame.buffer, frame.data, frame.rtp_time};
  }
  ++track.stats.frames_sent;
  if (track.video() && frame.keyframe) {
    ++track.stats.keyframes_sent;
    track.keyframe_left = now;
  }
  track.last_time = time;
  if (!track.was_sending) {
    track.was_sending = true;
    track.reports_sent = 0;
    track.next_report = now;
  }
  if (track.video() && frame.keyframe && config.leads) estimator.on_keyframe_sent();
  if (track.video()) pace(track, now);
  if (track.next_report && now >= *track.next_report) send_reports(track, now);
  return true;
}

void Session::Impl::send_packet(Track& track, const PacketHeader& header, std::span<const PayloadPlan::Piece> pieces,
                                std::optional<uint8_t> audio_level, core::TimePoint now) {
  size_t payload_bytes = 0;
  for (const auto& piece : pieces) payload_bytes += piece.prefix_size + piece.body.size();
  core::Buffer packet = core::Buffer::allocate(kRtpHeaderBytes + kExtensionRoom + kRidRoom + payload_bytes);
  packet.resize(packet.capacity());
  PacketWriter writer(packet.span(), header);
  const TrackConfig& track_config = track.config;
  constexpr uint8_t placeholder[2] = {0, 0};  // transmit() numbers the packet when it really leaves
  if (track_config.transport_cc_extension != 0) writer.add_extension(track_config.transport_cc_extension, placeholder);
  if (audio_level && track_config.audio_level_extension != 0) {
    const auto level = static_cast<uint8_t>(std::min(*audio_level, kSilence) | (*audio_level < kNoVoice ? 0x80 : 0));
    writer.add_extension(track_config.audio_level_extension, {&level, 1});
  }
  if (track.out.packets() < kPacketsWithMid) {
    add_name(writer, track_config.mid_extension, track_config.mid);
    add_name(writer, track_config.rid_extension, track_config.rid);
  }
  for (const auto& piece : pieces) {
    writer.append(piece.prefix_bytes());
    writer.append(piece.body);
  }
  packet.resize(writer.packet().size());
  track.out.remember(packet, header.sequence, payload_bytes);
  if (track.video()) {
    track.pacer.push(std::move(packet), now);
  } else {
    transmit(track, std::move(packet), now);
  }
}

void Session::Impl::note_for_reports(const Track& track, std::span<const uint8_t> packet, core::TimePoint now) {
  const Seq16 sequence{read_u16(packet.data() + 2)};
  if (read_u32(packet.data() + 8) != track.out.ssrc()) return estimator.on_sent_again(packet.size());
  estimator.on_sent(sequence, {read_u32(packet.data() + 4)}, packet.size(), now);
}

void Session::Impl::transmit(Track& track, core::Buffer packet, core::TimePoint now) {
  if (track.config.transport_cc_extension != 0) {
    uint8_t value[2];
    write_u16(value, congestion->next_number);
    if (set_extension(packet.span(), track.config.transport_cc_extension, value)) {
      estimator.on_sent(Seq16{congestion->next_number++}, packet.size(), now);
    }
  }
  if (track.video() && config.leads && !estimator.has_feedback()) note_for_reports(track, packet.span(), now);
  ++track.stats.packets_sent;
  track.stats.bytes_sent += packet.size();
  outbox.push(Outbox::Rtp{std::move(packet)});
}

void Session::Impl::pace(Track& track, core::TimePoint now) {
  while (auto packet = track.pacer.pop(now)) transmit(track, std::move(*packet), now);
}

}  // namespace partyline::rtp
