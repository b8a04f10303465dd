// One stream: a publisher's packets to each of its players, and what they need of each other by RTCP.
//
//   publisher ─RTP─▶ incoming tracks ─▶ each player's outgoing tracks ─▶ player       SR: translated, so lip sync holds
//   publisher ◀─ NACK, PLI, transport-cc, RR ─ tick ◀─ PLI/FIR merged; NACK answered from the kept packets ◀─ player
//                                                      RED made for players that lose sound ─▶ player
//
// The publisher may leave and another one come: players go on without a jump. Video starts for each player (and after
// each change of the source) at a keyframe, which is asked for. BYE is not forwarded. Of a publisher with simulcast
// each player gets the layer that just covers what it asks for by TMMBR, and changes at that layer's keyframe; a
// publisher with one layer is told, by REMB, the most that any of its players has a use for and a path to. Pure logic:
// no socket, timer or clock. Thread: the SFU's. Sources: RFC 3550, 4585, 5104, RFC 7667 §3.7.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <span>

#include "rtp/link_report.hpp"
#include "sfu/incoming_track.hpp"
#include "sfu/outgoing_track.hpp"
#include "sfu/simulcast.hpp"
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
  static constexpr core::Duration kProbingTick = std::chrono::milliseconds(5);

  StreamRouter();
  ~StreamRouter();
  StreamRouter(const StreamRouter&) = delete;

  void set_publisher(const PublisherFormats& formats, PacketOut& out, core::TimePoint now);
  void clear_publisher();
  PlayerId add_player(PlayerFormats formats, PacketOut& out, core::TimePoint now);
  void remove_player(PlayerId id);

  void receive_from_publisher(core::Buffer packet, core::TimePoint now);
  void receive_rtcp_from_publisher(std::span<const uint8_t> packet, core::TimePoint now);
  /// Returns within what time tick() is wanted: kTick, or kProbingTick when this has begun to probe the player's path.
  core::Duration receive_rtcp_from_player(PlayerId id, std::span<const uint8_t> packet, core::TimePoint now);
  /// Call while there is a publisher, again after what it returns: kTick, or kProbingTick while a path is probed.
  core::Duration tick(core::TimePoint now);

  bool has_publisher() const { return source_ != nullptr; }
  size_t players() const { return players_.size(); }
  uint64_t packets_in() const { return packets_in_; }
  uint64_t packets_out() const { return packets_out_; }
  /// Since it came; all zero without one.
  rtp::LinkFigures publisher_figures(core::TimePoint now) const;
  rtp::LinkFigures player_figures(PlayerId id, core::TimePoint now) const;

 private:
  struct VideoLayer;
  struct Source;
  struct Player;

  void receive_audio(core::Buffer packet, const rtp::PacketView& view, core::TimePoint now);
  void forward_audio(Player& player, ForwardPacket& packet, core::TimePoint now);
  bool send_redundant(Player& player, const ForwardPacket& packet, OutgoingTrack::Header header,
                      const OutgoingFormat& format, core::TimePoint now);
  void answer_audio_nack(Player& player, const rtp::rtcp::Nack& nack, core::TimePoint now);
  void ask_for_sound(core::TimePoint now);
  static void take_figures(Player& player, const rtp::rtcp::ReportBlock& block, core::TimePoint now);
  static void answer_reference(Player& player);
  static void take_report(Player& player, const rtp::rtcp::ReceiverReport& report, core::TimePoint now);
  double sound_lost_by_players(core::TimePoint now) const;
  VideoLayer* layer_of(const rtp::PacketView& view, core::TimePoint now);
  VideoLayer* repeated_layer_of(const rtp::PacketView& view);
  void receive_video(VideoLayer& layer, core::Buffer packet, const rtp::PacketView& view, core::TimePoint now);
  void forward_video(Player& player, VideoLayer& layer, ForwardPacket& packet, core::TimePoint now);
  void change_layer(Player& player, core::TimePoint now);
  void send_video(Player& player, VideoLayer& layer, ForwardPacket& packet, core::TimePoint now);
  void choose_layers(core::TimePoint now);
  void choose_layer(Player& player, std::span<const LayerChoice::Layer> layers, double most, core::TimePoint now);
  bool follows(const Player& player, const VideoLayer& layer) const;
  /// Whether it can play what the publisher sends.
  bool takes_video(const Player& player) const;
  /// Whether it gets this layer or waits for it.
  bool needs(const Player& player, const VideoLayer& layer) const;
  bool is_needed(const VideoLayer& layer) const;
  void send(Player& player, OutgoingTrack& track, ForwardPacket& packet, OutgoingTrack::Header header,
            uint8_t payload_type, core::TimePoint now);
  void repeat(Player& player, ForwardPacket& packet, OutgoingTrack::Header header, const OutgoingFormat& format,
              core::TimePoint now);
  void add_extensions(Player& player, const OutgoingTrack& track, const ForwardPacket& packet,
                      rtp::PacketWriter& writer);
  void add_number(Player& player, rtp::PacketWriter& writer, uint8_t extension);
  void send_numbered(Player& player, std::span<const uint8_t> packet, uint8_t extension, core::TimePoint now);
  /// True while its path is asked for more in this way.
  bool send_padding(Player& player, core::TimePoint now);
  void send_report(Player& player, core::MediaKind kind, const IncomingTrack& track, core::TimePoint now);
  void forward_reports(core::TimePoint now);
  void answer_nack(Player& player, const rtp::rtcp::Nack& nack, core::TimePoint now);
  void ask_publisher(core::TimePoint now);
  void ask_publisher(VideoLayer& layer, core::TimePoint now);
  core::TimePoint last_heard(const VideoLayer& layer) const;  ///< of the publisher, sound or pictures
  void limit_publisher(core::TimePoint now);
  void order_layers(core::TimePoint now);
  void order_layer(VideoLayer& layer, bool send, core::TimePoint now);
  void take_feedback(Player& player, const rtp::rtcp::Block& block, core::TimePoint now);
  void take_wish(Player& player, core::TimePoint now);
  void report_arrivals();
  void report_reception(core::TimePoint now);
  uint64_t epoch_of(const IncomingTrack& track, size_t layer = 0) const;

  std::unique_ptr<Source> source_;
  std::map<PlayerId, std::unique_ptr<Player>> players_;
  PlayerId next_player_ = 1;
  uint64_t publishers_ = 0;  // how many there have been
  uint64_t packets_in_ = 0, packets_out_ = 0;
  rtp::rtcp::TransportFeedback feedback_;  ///< kept: its room is reused
};

}  // namespace partyline::sfu
