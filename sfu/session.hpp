// One WHIP or WHEP session: its transport, joined to its stream's router. Thread: the SFU's executor.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "rtp/link_journal.hpp"
#include "rtp/transport/ice_lite_server.hpp"
#include "sfu/hooks.hpp"
#include "sfu/stream_router.hpp"

namespace partyline::sfu {

enum class SessionKind { publish, play };

struct Stream;
class Session;

class SessionOwner {
 public:
  virtual ~SessionOwner() = default;
  virtual void on_session_connected(Session& session) = 0;
  virtual void on_session_closed(Session& session, const core::Error& why) = 0;
  /// Its stream's router wants tick() within this time.
  virtual void on_tick_wanted(core::Duration within) = 0;
};

class Session final : public rtp::TransportEvents, public PacketOut, public std::enable_shared_from_this<Session> {
 public:
  Session(SessionOwner& owner, SessionKind kind, std::shared_ptr<Stream> stream, HookSubject subject,
          core::TimePoint now);

  // Facts, set by the hub while it makes the session.
  const SessionKind kind;
  const std::shared_ptr<Stream> stream;
  const HookSubject subject;
  const std::string token;  ///< the unguessable end of its URL
  std::string etag;         ///< quoted; another after each ICE restart
  const core::TimePoint created;
  PublisherFormats publisher_formats;
  PlayerFormats player_formats;
  std::string remote_ufrag;
  std::string ice_kind, ice_mid;  ///< of the section that the transport was agreed in
  std::shared_ptr<rtp::IceLiteTransport> transport;
  StreamRouter::PlayerId player_id = 0;
  bool announced = false;  ///< the hooks know of it
  bool connected = false;
  bool ended = false;
  std::optional<rtp::LinkJournal> journal;  ///< from when it is connected

  /// The peer restarts ICE as `ufrag`: our new half. Its URL keeps its end, its tag changes.
  rtp::IceDescription restart_ice(std::string ufrag);

  /// When the peer last sent media or RTCP; before that, when it was created or, of a publisher, got its name.
  core::TimePoint last_heard() const { return last_heard_; }
  void on_name_taken(core::TimePoint now) { last_heard_ = now; }

  void on_transport_connected() override;
  void on_rtp(core::Buffer packet, core::TimePoint now) override;
  void on_rtcp(core::Buffer packet, core::TimePoint now) override;
  void on_transport_closed(const core::Error& why) override;
  void send_rtp(std::span<const uint8_t> packet) override;
  void send_rtcp(std::span<const uint8_t> packet) override;

 private:
  SessionOwner& owner_;
  core::TimePoint last_heard_;
};

/// A name: there is one publisher at most and any number of players.
struct Stream {
  std::string app, name, id;
  StreamRouter router;
  Session* publisher = nullptr;  ///< from the moment its POST is accepted, or the hooks let it follow a silent one
  size_t players = 0;            ///< from the moment their POST is accepted
  Session* claimant = nullptr;   ///< the publisher of which the hooks are being asked

  std::string label() const { return app + "/" + name; }
};

}  // namespace partyline::sfu
