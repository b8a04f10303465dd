#include "sfu/incoming_track.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/counters.hpp"
#include "rtp/bytes.hpp"
#include "sfu/keyframe.hpp"

namespace partyline::sfu {
namespace {

constexpr core::Duration kSilent = std::chrono::milliseconds(500);
constexpr int64_t kJump = 3000;  // packets; RFC 3550 A.1's MAX_DROPOUT
constexpr size_t kPaddingKept = 256;
constexpr core::Duration kInOrder = std::chrono::milliseconds(3);       // of jitter: what is missing is lost
constexpr core::Duration kSoundLasts = std::chrono::milliseconds(200);  // nobody waits longer for a piece of speech

struct Drops {
  core::Counter& jump = core::counter("partyline_sfu_dropped_total", "reason=\"sequence_jump\"");
  core::Counter& late = core::counter("partyline_sfu_dropped_total", "reason=\"too_late\"");
  core::Counter& useless_rtx = core::counter("partyline_sfu_dropped_total", "reason=\"rtx_useless\"");
  core::Counter& padding = core::counter("partyline_sfu_dropped_total", "reason=\"padding_only\"");
  core::Counter& red = core::counter("partyline_sfu_dropped_total", "reason=\"broken_red\"");
  core::Counter& duplicate = core::counter("partyline_sfu_dropped_total", "reason=\"duplicate\"");
  core::Counter& recovered = core::counter("partyline_sfu_audio_recovered_total");
};
Drops& drops() {
  static Drops instance;
  return instance;
}

// Moves the fixed header to right before the payload.
ForwardPacket cut_out(core::Buffer packet, const rtp::PacketView& view) {
  ForwardPacket out;
  out.offset = view.header_bytes - rtp::kRtpHeaderBytes;
  out.size = rtp::kRtpHeaderBytes + view.payload.size();
  if (out.offset != 0) std::memmove(packet.data() + out.offset, packet.data(), rtp::kRtpHeaderBytes);
  packet.data()[out.offset] = 0x80;  // no padding, extension, CSRC
  out.timestamp = view.timestamp;
  out.marker = view.marker;
  out.buffer = std::move(packet);
  return out;
}

}  // namespace

IncomingTrack::IncomingTrack(IncomingFormat format)
    : format_(std::move(format)), reception_(core::clock_rate_of(format_.codec)) {
  kept_.resize(core::kind_of(format_.codec) == core::MediaKind::video ? kKept : kKeptSound);
  losses_ = new_losses();
}

LossList IncomingTrack::new_losses() const {
  return LossList(core::kind_of(format_.codec) == core::MediaKind::video ? LossList::kGiveUp : kSoundLasts);
}

bool IncomingTrack::claims(uint32_t ssrc, core::TimePoint now) const {
  if (ssrc_ == ssrc) return true;
  if (!format_.ssrcs.empty() && std::ranges::find(format_.ssrcs, ssrc) == format_.ssrcs.end()) return false;
  return !ssrc_ || now - last_packet_ >= kSilent;
}

void IncomingTrack::restart(uint32_t ssrc) {
  ssrc_ = ssrc;
  ++epoch_;
  unwrapper_.reset();
  highest_.reset();
  after_jump_.reset();
  padding_.clear();
  padding_before_ = 0;
  std::ranges::fill(kept_, ForwardPacket{});
  places_.clear();
  losses_ = new_losses();
  lost_before_ += reception_.lost();
  reception_ = ReceptionStats(core::clock_rate_of(format_.codec));
  last_report_.reset();
}

// False for a number far from all others, unless the one before it was its neighbour: then all starts anew.
bool IncomingTrack::accept_sequence(rtp::Seq16 sequence) {
  if (!highest_) return true;
  const int64_t distance = unwrapper_.peek(sequence) - *highest_;
  if (std::abs(distance) < kJump) {
    after_jump_.reset();
    return true;
  }
  if (after_jump_ == sequence.value) {
    restart(*ssrc_);
    return true;
  }
  after_jump_ = static_cast<uint16_t>(sequence.value + 1);
  return false;
}

std::optional<int64_t> IncomingTrack::without_padding(int64_t sequence) const {
  if (padding_before_ > 0 && !padding_.empty() && sequence < padding_.front()) return std::nullopt;
  const auto before = std::ranges::lower_bound(padding_, sequence) - padding_.begin();
  return sequence - padding_before_ - before;
}

std::optional<ForwardPacket> IncomingTrack::receive(core::Buffer packet, const rtp::PacketView& view,
                                                    core::TimePoint now) {
  if (ssrc_ != view.ssrc) restart(view.ssrc);
  last_packet_ = now;
  if (!accept_sequence(view.sequence)) {
    drops().jump.add();
    return std::nullopt;
  }
  const int64_t raw = unwrapper_.unwrap(view.sequence);
  reception_.receive(raw, view.timestamp.value, now);
  ++stats_.packets_received;
  stats_.bytes_received += view.payload.size();
  stats_.frames_received += view.marker;
  if (losses_.was_asked_for(raw)) ++stats_.packets_recovered;
  const bool newest = !highest_ || raw > *highest_;
  if (newest) highest_ = raw;
  // A loss of video costs most when it is repaired late, a needless repetition of it least.
  const core::Duration disorder =
      core::kind_of(format_.codec) == core::MediaKind::audio ? reception_.jitter() : core::Duration{};
  const core::Duration patience = disorder > kInOrder ? disorder : core::Duration{};
  if (format_.nack && !losses_.receive(raw, now, patience)) hopeless_ = true;
  if (view.payload.empty() && newest) {
    // A late one keeps its number: players know the gap already, and an empty packet closes it.
    drops().padding.add();
    padding_.push_back(raw);
    if (padding_.size() > kPaddingKept) {
      padding_.pop_front();
      ++padding_before_;
    }
    return std::nullopt;
  }
  return make_ready(std::move(packet), view, raw);
}

void IncomingTrack::receive_sound(core::Buffer packet, rtp::PacketView view, core::TimePoint now, Sound& out) {
  if (format_.red_payload_type == view.payload_type) {
    const auto red = rtp::parse_red(view.payload);
    if (!red || red->own.payload_type != format_.payload_type) return drops().red.add();
    recover(*red, view, now, out);
    view.payload = red->own.data;
    view.header_bytes = static_cast<size_t>(red->own.data.data() - packet.data());
  }
  const bool here = ssrc_ == view.ssrc && highest_ && is_kept(unwrapper_.peek(view.sequence));
  auto own = receive(std::move(packet), view, now);
  if (own) places_.on_packet(unwrapper_.peek(view.sequence), view.timestamp.value);
  if (here && own) {
    drops().duplicate.add();
    if (repaired_apart_ > 0) --repaired_apart_;  // found in RED before, and now it has come after all
  }
  if (!here && own) out.push(*own);
}

/// Before the packet's own: from then on its bytes are another's.
void IncomingTrack::recover(const rtp::RedPacket& red, const rtp::PacketView& view, core::TimePoint now, Sound& out) {
  if (ssrc_ != view.ssrc || !highest_) return;
  const int64_t own = unwrapper_.peek(view.sequence);
  if (std::abs(own - *highest_) >= static_cast<int64_t>(kKeptSound) / 2) return;
  for (size_t i = 0; i < red.older_count; ++i) {
    const rtp::RedBlock& block = red.older[i];
    if (block.payload_type != format_.payload_type || block.data.empty()) continue;
    const uint32_t time = view.timestamp.value - block.time_offset;
    const auto place = places_.place(time, own, view.timestamp.value);
    if (!place || is_kept(*place)) continue;
    const int64_t raw = *place;
    core::Buffer copy = core::Buffer::allocate(rtp::kRtpHeaderBytes + block.data.size());
    copy.resize(copy.capacity());
    rtp::PacketWriter writer(copy.span(),
                             {false, format_.payload_type, {static_cast<uint16_t>(raw)}, {time}, view.ssrc});
    writer.append(block.data);
    copy.resize(writer.packet().size());
    const auto alone = rtp::parse_packet(copy.span());
    if (!alone) continue;
    places_.on_packet(raw, time);
    if (format_.nack) losses_.receive(raw, now);
    highest_ = std::max(*highest_, raw);
    if (const auto found = make_ready(std::move(copy), *alone, raw)) {
      drops().recovered.add();
      ++stats_.packets_recovered;
      ++repaired_apart_;
      out.push(*found);
    }
  }
}

bool IncomingTrack::is_kept(int64_t raw) const {
  const auto sequence = without_padding(raw);
  if (!sequence) return true;
  const ForwardPacket& slot = kept_[static_cast<uint64_t>(*sequence) % kept_.size()];
  return slot.buffer && slot.sequence == *sequence;
}

std::optional<ForwardPacket> IncomingTrack::receive_repeated(core::Buffer packet, rtp::PacketView view,
                                                             core::TimePoint now) {
  constexpr size_t kSequenceBytes = 2;  // the original number, in front of the payload
  if (!ssrc_ || !highest_ || view.payload.size() <= kSequenceBytes) {
    drops().useless_rtx.add();  // a probe, mostly
    return std::nullopt;
  }
  view.sequence = rtp::Seq16{rtp::read_u16(view.payload.data())};
  view.payload = view.payload.subspan(kSequenceBytes);
  view.header_bytes += kSequenceBytes;
  const int64_t raw = unwrapper_.peek(view.sequence);
  if (!losses_.is_missing(raw)) {
    drops().useless_rtx.add();
    return std::nullopt;
  }
  losses_.receive(raw, now);
  ++stats_.packets_recovered;
  ++repaired_apart_;
  return make_ready(std::move(packet), view, raw);
}

std::optional<ForwardPacket> IncomingTrack::make_ready(core::Buffer packet, const rtp::PacketView& view, int64_t raw) {
  const auto sequence = without_padding(raw);
  if (!sequence) {
    drops().late.add();
    ++stats_.packets_late;
    return std::nullopt;
  }
  const auto level = view.extension(format_.audio_level_extension);
  const bool keyframe_start = starts_keyframe(format_.codec, view.payload);
  // Parameter sets and slices of one picture each look like its start.
  if (keyframe_start && std::exchange(keyframe_time_, view.timestamp.value) != view.timestamp.value)
    ++stats_.keyframes_received;
  const auto level_byte = level && !level->empty() ? std::optional((*level)[0]) : std::nullopt;
  ForwardPacket out = cut_out(std::move(packet), view);  // overwrites the extensions
  out.sequence = *sequence;
  out.audio_level = level_byte;
  out.keyframe_start = keyframe_start;
  if (format_.codec == core::Codec::vp8) out.numbers = picture_numbers(out.payload());
  kept_[static_cast<uint64_t>(out.sequence) % kept_.size()] = out;
  return out;
}

void IncomingTrack::receive_sender_report(const rtp::rtcp::SenderReport& report, core::TimePoint now) {
  last_report_ = report;
  reception_.receive_report(report.ntp, now);
}

rtp::TrackStats IncomingTrack::figures() const {
  rtp::TrackStats stats = stats_;
  stats.present = true;
  stats.codec = format_.codec;
  stats.last_packet = last_packet_;
  stats.packets_lost = lost_before_ + reception_.lost();
  stats.packets_missing = stats.packets_lost - std::min(stats.packets_lost, repaired_apart_);
  stats.jitter_ms = std::chrono::duration<double, std::milli>(reception_.jitter()).count();
  return stats;
}

ForwardPacket* IncomingTrack::find(int64_t sequence) {
  ForwardPacket& slot = kept_[static_cast<uint64_t>(sequence) % kept_.size()];
  return slot.buffer && slot.sequence == sequence ? &slot : nullptr;
}

}  // namespace partyline::sfu
