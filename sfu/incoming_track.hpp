// One track of a publisher: its packets made ready for forwarding. Header extensions, CSRCs and padding are cut off in
// place (no copy), padding-only packets are taken out of the numbering, losses are found, and all is kept for a while
// for players that miss something. Sound that comes in RED (RFC 2198) is unwrapped: what is redundant in it fills
// holes, as what was sent again does. Pure logic. Thread: the SFU's.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "core/buffer.hpp"
#include "rtp/packet.hpp"
#include "rtp/payload/red.hpp"
#include "rtp/payload/red_places.hpp"
#include "rtp/session.hpp"
#include "sfu/picture_numbers.hpp"
#include "sfu/reception.hpp"
#include "sfu/track_formats.hpp"

namespace partyline::sfu {

/// A 12-byte RTP header and the payload, alone in their buffer: the forwarding code may write into the header.
struct ForwardPacket {
  core::Buffer buffer;
  size_t offset = 0, size = 0;
  int64_t sequence = 0;  ///< unwrapped, without the padding-only packets
  rtp::RtpTime32 timestamp;
  bool marker = false;
  bool keyframe_start = false;
  std::optional<uint8_t> audio_level;  ///< as it came, the voice bit included (RFC 6464 §3)
  PictureNumbers numbers;              ///< VP8: as they came

  std::span<uint8_t> bytes() { return buffer.span().subspan(offset, size); }
  std::span<const uint8_t> payload() const { return buffer.span().subspan(offset + 12, size - 12); }
};

class IncomingTrack {
 public:
  static constexpr size_t kKept = 1024;     // packets: a second of 10 Mbit/s video
  static constexpr size_t kKeptSound = 64;  // packets: more than a second

  explicit IncomingTrack(IncomingFormat format);

  const IncomingFormat& format() const { return format_; }
  std::optional<uint32_t> ssrc() const { return ssrc_; }
  /// True when `ssrc` is this track's, or may become it: announced, or the first of its payload type, or the next when
  /// the old one has been silent for 500 ms.
  bool claims(uint32_t ssrc, core::TimePoint now) const;
  /// Grows whenever the numbering starts anew (another SSRC, a jump).
  uint64_t epoch() const { return epoch_; }

  /// The packet to forward, or nothing (padding, too old, a jump not yet confirmed; all counted).
  std::optional<ForwardPacket> receive(core::Buffer packet, const rtp::PacketView& view, core::TimePoint now);
  /// The same for a packet of sound, RED or plain: what was missing and is found in it, oldest first, then its own.
  using Sound = rtp::rtcp::BoundedList<ForwardPacket, rtp::RedPacket::kMostOlder + 1>;
  void receive_sound(core::Buffer packet, rtp::PacketView view, core::TimePoint now, Sound& out);
  /// A packet that the publisher sent again as RTX (RFC 4588) on a source of its own: the same, if it is still of use.
  /// For reports it stays lost.
  std::optional<ForwardPacket> receive_repeated(core::Buffer packet, rtp::PacketView view, core::TimePoint now);
  void receive_sender_report(const rtp::rtcp::SenderReport& report, core::TimePoint now);

  /// A packet of the last second or so by its `sequence`; null when not kept.
  ForwardPacket* find(int64_t sequence);

  /// What came of it, whatever sources and numberings it had.
  rtp::TrackStats figures() const;
  /// For requests, which are counted where they are sent.
  rtp::TrackStats& stats() { return stats_; }
  LossList& losses() { return losses_; }
  ReceptionStats& reception() { return reception_; }
  const std::optional<rtp::rtcp::SenderReport>& last_report() const { return last_report_; }
  /// True once after a loss too long to be repaired packet by packet.
  bool take_hopeless() { return std::exchange(hopeless_, false); }
  core::TimePoint last_packet() const { return last_packet_; }

 private:
  void restart(uint32_t ssrc);
  bool accept_sequence(rtp::Seq16 sequence);
  std::optional<ForwardPacket> make_ready(core::Buffer packet, const rtp::PacketView& view, int64_t raw);
  std::optional<int64_t> without_padding(int64_t sequence) const;
  void recover(const rtp::RedPacket& red, const rtp::PacketView& view, core::TimePoint now, Sound& out);
  bool is_kept(int64_t raw) const;
  LossList new_losses() const;

  IncomingFormat format_;
  std::optional<uint32_t> ssrc_;
  uint64_t epoch_ = 0;
  rtp::SequenceUnwrapper unwrapper_;
  std::optional<int64_t> highest_;
  std::optional<uint16_t> after_jump_;  // the number that would confirm a jump
  std::deque<int64_t> padding_;         // taken-out numbers, ascending, the newest 256
  int64_t padding_before_ = 0;          // how many older ones there were
  std::vector<ForwardPacket> kept_;     // ring by sequence
  rtp::RedPlaces places_;               // sound
  LossList losses_;
  ReceptionStats reception_;
  std::optional<rtp::rtcp::SenderReport> last_report_;
  bool hopeless_ = false;
  rtp::TrackStats stats_;
  uint64_t lost_before_ = 0;     // in earlier numberings
  uint64_t repaired_apart_ = 0;  // by RTX or RED: reports know nothing of it
  std::optional<uint32_t> keyframe_time_;
  core::TimePoint last_packet_{};
};

}  // namespace partyline::sfu
