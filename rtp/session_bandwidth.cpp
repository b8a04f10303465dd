// Bitrates both ways: the target of what we send, the padding that finds out about more, and what we ask of a sender.
#include <algorithm>
#include <array>
#include <utility>

#include "rtp/session_impl.hpp"

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;

constexpr size_t kRtcpBytes = 600;
constexpr uint8_t kPaddingBytes = 224;    // a packet: its count is one byte
constexpr uint16_t kPacketOverhead = 40;  // bytes: IP, UDP and RTP headers (RFC 5104 §4.2.1.2)
constexpr core::Duration kRaiseAfter = 500ms, kRepeatRemb = 1s, kRepeatTmmbr = 5s;

}  // namespace

void Session::Impl::set_peer_limit(std::optional<core::Bitrate> limit) {
  peer_limit = limit;
  if (!config.congestion) estimator.set_bound(limit.value_or(core::Bitrate{}));
}

// What is sent again takes from what the peer allows, unless its limit is only a wish beside what is measured here.
std::optional<core::Bitrate> Session::Impl::allowed_for_new(core::TimePoint now) const {
  if (!peer_limit || estimator.has_feedback()) return peer_limit;
  const auto all = static_cast<double>(peer_limit->bits_per_second);
  return core::Bitrate{static_cast<int64_t>(all - estimator.resent(all, now))};
}

void Session::Impl::announce_target(core::TimePoint now) {
  std::optional<core::Bitrate> target = config.congestion ? share : estimator.estimate(now);
  if (const auto allowed = allowed_for_new(now)) target = target ? std::min(*target, *allowed) : *allowed;
  // What was told of another path holds no more: as at the start.
  if (!target && announced && estimator.wish().bits_per_second > 0) target = estimator.wish();
  if (!target) return;
  Track* const video = video_sender();
  if (video && video->config.bandwidth) target = std::min(*target, *video->config.bandwidth);
  if (announced && !std::exchange(announce_again, false)) {
    // Down at once, up in steps worth a new encoder setting.
    const int64_t before = announced->bits_per_second, after = target->bits_per_second;
    if (after >= before * 97 / 100 && after <= before * 105 / 100) return;
  }
  announced = target;
  const bool told = peer_limit && peer_limit->bits_per_second < estimator.wish().bits_per_second * 9 / 10;
  // A peer that wants nothing says 0 (RFC 5104 §4.2.1); what is queued is still to leave.
  if (video && target->bits_per_second > 0) video->pacer.set_target(*target, estimator.limited() || told);
  outbox.push(*target);
}

// Padding (RFC 3550 §5.1) on the source of repetitions, where it disturbs no numbering and is never asked for again;
// where there is none, on the video's own, between two pictures: no decoder ever sees it.
void Session::Impl::send_padding(core::TimePoint now) {
  Track* const track = video_sender();
  if (!track || track->config.transport_cc_extension == 0 || !track->config.send_format) return;
  const auto repeats = track->config.send_format->rtx_payload_type;
  if (!track->out.started() || !track->pacer.empty()) return;
  std::array<uint8_t, kPaddingBytes> padding{};
  padding.back() = kPaddingBytes;
  constexpr uint8_t placeholder[2] = {0, 0};
  for (int bound = 0; bound < 64 && estimator.padding_due(now) > 0; ++bound) {
    core::Buffer packet = core::Buffer::allocate(kRtpHeaderBytes + 8 + kPaddingBytes);
    packet.resize(packet.capacity());
    PacketHeader header{false, 0, {}, track->last_time, 0};
    if (repeats) {
      header.payload_type = *repeats;
      header.sequence = Seq16{track->rtx_sequence++};
      header.ssrc = track->rtx_ssrc();
    } else {
      header.payload_type = track->config.send_format->payload_type;
      header.sequence = track->out.next_sequence();
      header.ssrc = track->out.ssrc();
    }
    PacketWriter writer(packet.span(), header);
    writer.add_extension(track->config.transport_cc_extension, placeholder);
    writer.append(padding);
    packet.resize(writer.packet().size());
    packet.data()[0] |= 0x20;
    if (!repeats) track->out.remember(packet, header.sequence, 0);
    ++track->stats.padding_sent;
    transmit(*track, std::move(packet), now);
  }
}

// What the sender of this track should not exceed, in the way it understands: TMMBR, which says just that, else REMB;
// nothing agreed: nothing said. A sender with transport-cc knows its path better than we do and is told only what we
// have a use for.
void Session::Impl::ask_for_bitrate(Track& track, core::TimePoint now) {
  const auto& format = track.last_format;
  if (!format || !(format->remb || format->tmmbr) || !track.in.active() || now < track.next_ask) return;
  track.next_ask = now + track.rate_in.pause();
  std::optional<core::Bitrate> wanted;
  if (receive_wish.bits_per_second > 0) wanted = receive_wish;
  if (track.config.transport_cc_extension == 0) {
    const auto carried = track.rate_in.update(round_trip.value_or(100ms), receive_wish, now);
    if (carried) wanted = wanted ? std::min(*wanted, *carried) : *carried;
  }
  if (!wanted) return;
  if (track.asked) {
    const int64_t before = track.asked->bits_per_second, after = wanted->bits_per_second;
    const bool lower = after < before * 97 / 100;
    const bool higher = after > before * 105 / 100 && now - track.asked_at >= kRaiseAfter;
    const bool again = now - track.asked_at >= (format->tmmbr ? kRepeatTmmbr : kRepeatRemb);
    if (!lower && !higher && !again) return;
  }
  track.asked = wanted;
  track.asked_at = now;
  std::array<uint8_t, kRtcpBytes> room;
  rtcp::Writer writer(room);
  open_feedback(track, writer);
  const auto bits = static_cast<uint64_t>(wanted->bits_per_second);
  const uint32_t source = track.in.ssrc();
  if (!format->tmmbr) writer.remb(track.out.ssrc(), bits, {&source, 1});
  if (format->tmmbr) writer.tmmbr(track.out.ssrc(), {source, bits, kPacketOverhead});
  push_rtcp(writer);
}

}  // namespace partyline::rtp
