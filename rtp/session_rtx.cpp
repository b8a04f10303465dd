// Repetition both ways (RFC 4588): packets of the peer that come again on a source of their own, and ours that the peer
// asked for (RFC 4585 §6.2.1), on a source of their own where that is agreed, else as they were.
//
//   media  |header: media's type, sequence n, SSRC   | payload |
//   RTX    |header: RTX type, own numbers, own SSRC  | n (OSN) | payload |      no payload at all: padding, a probe
//
// What comes this way is no fresh media: it makes no source known, counts as lost in reports all the same, and its
// arrival says nothing of jitter or clocks.
#include <algorithm>
#include <array>
#include <utility>

#include "core/random.hpp"
#include "rtp/bytes.hpp"
#include "rtp/session_impl.hpp"

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;
constexpr size_t kSequenceBytes = 2;  // OSN
constexpr size_t kNamesRoom = 4 + 3 + 17 + 17 + 3;
constexpr size_t kMaxSecondCopies = 64;  // packets; more are no accident but a path that is full
constexpr core::Duration kSecondCopyAfter = 5ms;

}  // namespace

Track* Session::Impl::repeated_track(const PacketView& view) {
  for (const auto& track : tracks) {
    for (const PayloadFormat& format : track->config.receive_formats) {
      if (format.rtx_payload_type == view.payload_type) return track.get();
    }
  }
  return nullptr;
}

void Session::Impl::receive_rtx(Track& track, core::Buffer packet, PacketView view, core::TimePoint now) {
  if (view.payload.empty()) {
    counters.rtx_padding.add();
    return;
  }
  const auto format = std::find_if(track.config.receive_formats.begin(), track.config.receive_formats.end(),
                                   [&](const PayloadFormat& f) { return f.rtx_payload_type == view.payload_type; });
  if (view.payload.size() <= kSequenceBytes || !track.in.active() || !track.config.receiving) {
    counters.rtx_useless.add();
    return;
  }
  view.sequence = Seq16{read_u16(view.payload.data())};
  view.payload = view.payload.subspan(kSequenceBytes);
  view.payload_type = format->payload_type;
  view.ssrc = track.in.ssrc();
  const auto sequence = track.in.receive_repeated(view.sequence);
  const auto time = track.in.time_of_report(view.timestamp);
  if (!sequence || !time) {
    counters.rtx_useless.add();
    return;
  }
  VideoPacket video;
  video.payload = view.payload;
  video.codec = format->codec;
  video.rtp_time = *time;
  video.sequence = *sequence;
  video.marker = view.marker;
  video.arrival = now;
  video.buffer = std::move(packet);
  const uint64_t before = track.stats.packets_recovered;
  store_video(track, std::move(video), now);
  track.repaired_apart += track.stats.packets_recovered - before;
}

void Session::Impl::resend(Track& track, const rtcp::Nack& nack, core::TimePoint now) {
  ++track.stats.nacks_received;
  // A queue on the path holds the last copy back as well.
  const core::Duration way = std::max(round_trip.value_or(0ms), estimator.round_trip().value_or(0ms));
  const core::Duration least = std::max<core::Duration>(10ms, way / 2);
  const bool twice = track.video() && lossy_and_long(track.out.asked_again());
  for (const Seq16 sequence : nack.sequences) {
    const core::Buffer* const packet = track.out.resend(sequence, now, least);
    if (!packet) {
      counters.resend_missing.add();
      continue;
    }
    if (!repeat(track, *packet, now)) continue;
    // Apart from the first copy: losses come in bursts.
    if (twice && track.second_copies.size() < kMaxSecondCopies) {
      track.second_copies.push_back({sequence, now + kSecondCopyAfter});
    }
  }
  if (track.video() && config.leads) estimator.on_asked_again(track.out.asked_again(), now);
}

void Session::Impl::send_second_copies(Track& track, core::TimePoint now) {
  while (!track.second_copies.empty() && now >= track.second_copies.front().due) {
    const core::Buffer* const packet = track.out.find(track.second_copies.front().sequence);
    track.second_copies.pop_front();
    if (packet) repeat(track, *packet, now);
  }
}

/// False (and counted) when the path has no room for it.
bool Session::Impl::repeat(Track& track, const core::Buffer& packet, core::TimePoint now) {
  if (!estimator.may_resend(packet.size(), now)) {
    counters.resend_over_budget.add();
    return false;
  }
  ++track.stats.packets_resent;
  const auto type = track.config.send_format ? track.config.send_format->rtx_payload_type : std::nullopt;
  const auto view = type ? parse_packet(packet.span()) : std::nullopt;
  if (!view) {
    transmit(track, packet, now);
    return true;
  }
  const PacketHeader header{view->marker, *type, Seq16{track.rtx_sequence++}, view->timestamp, track.rtx_ssrc()};
  core::Buffer repetition = core::Buffer::allocate(packet.size() + kSequenceBytes + kNamesRoom);
  repetition.resize(repetition.capacity());
  PacketWriter writer(repetition.span(), header);
  constexpr uint8_t placeholder[2] = {0, 0};  // transmit() numbers it
  if (track.config.transport_cc_extension != 0) writer.add_extension(track.config.transport_cc_extension, placeholder);
  if (!track.config.rid.empty()) {  // nothing else tells what this source repeats (RFC 8852 §3.2)
    add_name(writer, track.config.mid_extension, track.config.mid);
    add_name(writer, track.config.repaired_rid_extension, track.config.rid);
  }
  std::array<uint8_t, kSequenceBytes> original;
  write_u16(original.data(), view->sequence.value);
  writer.append(original);
  writer.append(view->payload);
  repetition.resize(writer.packet().size());
  transmit(track, std::move(repetition), now);
  return true;
}

uint32_t Track::rtx_ssrc() {
  if (config.local_rtx_ssrc != 0) return config.local_rtx_ssrc;
  while (own_rtx_ssrc == 0 || own_rtx_ssrc == out.ssrc()) own_rtx_ssrc = core::random_u32();
  return own_rtx_ssrc;
}

}  // namespace partyline::rtp
