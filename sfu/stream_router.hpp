// One stream: a publisher's packets to each of its players, and what they need of each other by RTCP.
//
//   publisher ─RTP─▶ incoming tracks ─▶ each player's outgoing tracks ─▶ player       SR: translated, so lip sync holds
//   publisher ◀─ NACK, PLI, transport-cc, RR ─ tick ◀─ PLI/FIR merged; NACK answered from the kept packets ◀─ player
//
// The publisher may leave and another one come: players go on without a jump. Video starts for each player (and after
// each change of the source) at a keyframe, which is asked for. BYE is not forwarded. Nothing adapts the bitrate to
// single players: whoever needs that uses an SFU with simulcast.
// Pure logic: no socket, timer or clock. Thread: the SFU's. Sources: RFC 3550, 4585, 5104, RFC 7667 §3.7.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <span>

#include "sfu/incoming_track.hpp"
#include "sfu/outgoing_track.hpp"
#include "sfu/track_formats.hpp"

namespace partyline::sfu {

/// Where packets to one peer go. Not called after clear_publisher / remove_player.
class PacketOut {
 public:
  virtual ~PacketOut() = default;
  virtual void send_rtp(std::span<const uint8_t> packet) = 0;
  virtual void send_rtcp(std::span<const uint8_t> packet) = 0;
};

class StreamRouter {
 public:
  using PlayerId = uint64_t;
  static constexpr core::Duration kTick = std::chrono::milliseconds(20);

  StreamRouter();
  ~StreamRouter();
  StreamRouter(const StreamRouter&) = delete;

  void set_publisher(const PublisherFormats& formats, PacketOut& out, core::TimePoint now);
  void clear_publisher();
  PlayerId add_player(PlayerFormats formats, PacketOut& out, core::TimePoint now);
  void remove_player(PlayerId id);

  void receive_from_publisher(core::Buffer packet, core::TimePoint now);
  void receive_rtcp_from_publisher(std::span<const uint8_t> packet, core::TimePoint now);
  void receive_rtcp_from_player(PlayerId id, std::span<const uint8_t> packet, core::TimePoint now);
  /// Call every kTick while there is a publisher.
  void tick(core::TimePoint now);

  bool has_publisher() const { return source_ != nullptr; }
  size_t players() const { return players_.size(); }
  uint64_t packets_in() const { return packets_in_; }
  uint64_t packets_out() const { return packets_out_; }

 private:
  struct Source;
  struct Player;

  void forward_audio(Player& player, ForwardPacket& packet, core::TimePoint now);
  void forward_video(Player& player, ForwardPacket& packet, core::TimePoint now);
  void send(Player& player, OutgoingTrack& track, ForwardPacket& packet, OutgoingTrack::Header header,
            uint8_t payload_type);
  void repeat(Player& player, ForwardPacket& packet, OutgoingTrack::Header header, const OutgoingFormat& format);
  void send_report(Player& player, core::MediaKind kind);
  void forward_report(core::MediaKind kind, core::TimePoint now);
  void answer_nack(Player& player, const rtp::rtcp::Nack& nack, core::TimePoint now);
  void ask_publisher(core::TimePoint now);
  void report_arrivals();
  void report_reception(core::TimePoint now);
  uint64_t epoch_of(const IncomingTrack& track) const;

  std::unique_ptr<Source> source_;
  std::map<PlayerId, std::unique_ptr<Player>> players_;
  PlayerId next_player_ = 1;
  uint64_t publishers_ = 0;  // how many there have been
  uint64_t packets_in_ = 0, packets_out_ = 0;
};

}  // namespace partyline::sfu
