// A room: its legs, what is published for it in the SFU, its pushes and live outputs. It is mixed only while somebody
// needs the mix: a SIP leg, a live output, or a player of one of its mix streams. A room whose browsers
// play each other and not the mix costs no CPU.
//
// The room wires and then gets out of the way: no media packet passes through it. Every way a leg can end goes through
// remove_leg(). Thread: network.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gateway/keypad.hpp"
#include "gateway/leg.hpp"
#include "gateway/leg_recordings.hpp"
#include "gateway/mix_push.hpp"
#include "gateway/room_output.hpp"
#include "gateway/services.hpp"
#include "gateway/sip_leg.hpp"
#include "gateway/whep_leg.hpp"

namespace partyline::gateway {

class Room {
 public:
  /// `publish_mark`: see MixPush. `kept`: the room is of the configuration and stays when it is empty.
  Room(const Services& services, std::string name, std::string publish_mark, bool kept);
  ~Room();

  const std::string& name() const { return name_; }
  bool mixing() const { return mixer_ != nullptr; }
  /// Whether it may be mixed: `unavailable` while the engine has too much to do to begin with another room.
  core::Result<> may_mix() const;
  /// Nobody and nothing is left that would need this room.
  bool unused() const;

  /// A new SIP leg, in the mix once its SDP is settled. `limit` when the room is full.
  core::Result<std::shared_ptr<SipLeg>> add_sip_leg(SipLeg::Call call);
  /// The one way out, whatever the cause. False: no such leg.
  bool remove_leg(std::string id, const std::string& why);
  bool kick_leg(const std::string& id);
  std::shared_ptr<Leg> find_leg(const std::string& id) const;

  /// The SFU says so. Streams are told apart by name, their publishers by client id (an old one's farewell may come
  /// late).
  void on_stream_published(const std::string& stream, const std::string& client, const std::string& display_name,
                           const std::string& server);
  void on_stream_unpublished(const std::string& stream, const std::string& client);
  void on_mix_played(const std::string& stream, const std::string& client, const std::string& server);
  void on_mix_stopped(const std::string& client);
  /// All sessions of that server of the SFU are gone, ours too: what is still there will be announced anew.
  void on_sfu_restarted(const std::string& server);

  /// `each_leg`: the legs there are and those to come are recorded, too, for as long as this output is there.
  core::Result<std::string> add_output(const std::string& url, bool each_leg = false);
  /// A file of what the leg sends, until it leaves.
  core::Result<std::string> record_leg(const std::string& leg);
  bool remove_output(const std::string& id);
  /// An output of JPEG pictures, for as long as somebody waits for one. `conflict` when the room is not mixed.
  core::Result<uint64_t> add_still(core::VideoSize size, std::shared_ptr<core::FrameSink> sink);
  void remove_still(uint64_t still);
  /// A room for music: two channels for whoever sends and hears them.
  bool stereo() const;
  /// The picture of the room at its best.
  mixer::VideoRendition picture() const;
  core::Result<> set_layout(const std::string& layout);
  /// A leg's key: it may complete one of the operator's sequences ([rooms] dtmf).
  void on_digit(const std::string& leg, char key, core::TimePoint now);
  /// Whether phones see themselves: those that are here and those that will come.
  void set_self_view(bool self_view);

  /// Once a second: RTP time-outs.
  void check(core::TimePoint now);

  boost::json::object summary() const;
  boost::json::object describe(core::TimePoint now) const;
  boost::json::object describe_output(const std::string& id) const;
  const std::map<std::string, std::shared_ptr<Leg>>& legs() const { return legs_; }
  const std::map<std::string, std::unique_ptr<MixPush>>& pushes() const { return pushes_; }
  std::optional<mixer::RoomStats> mixer_stats() const;

 private:
  struct Stream {
    std::string client;
    std::string display_name;
    std::string server;    ///< of an SFU that is a cluster
    std::string leg;       ///< while the room is mixed
    bool kicked = false;   ///< an operator removed it: not pulled again until it is published anew
    bool arrives = false;  ///< it came while the room was mixed: people hear of it
    LegSettings settings;  ///< of the leg before, for the next one
  };

  struct MixPlayer {
    std::string stream, server;
  };

  bool mix_wanted() const;
  /// Starts or stops mixing, pulls and pushes to match what is wanted now.
  /// `pictures`: whoever made it necessary may have some.
  void update(bool pictures = true);
  void start_mixing(bool pictures);
  void stop_mixing();
  void pull(const std::string& name, Stream& stream);
  void update_pushes();
  void bind_screens();
  void unbind(const mixer::Member* member);
  void allot_own_views(core::TimePoint now);
  void play(mixer::Tone tone);
  void log_departure(Leg& leg, const std::string& why) const;

  const Services& services_;
  const std::string name_, publish_mark_;
  const bool kept_;
  std::string layout_;
  bool self_view_;
  std::unique_ptr<mixer::RoomMixer> mixer_;
  std::map<std::string, std::shared_ptr<Leg>> legs_;
  std::map<std::string, Stream> streams_;                       ///< by stream name
  std::map<std::string, MixPlayer> mix_players_;                ///< by client id
  std::map<std::string, std::unique_ptr<MixPush>> pushes_;      ///< by stream name
  std::map<std::string, std::unique_ptr<RoomOutput>> outputs_;  ///< by output id
  LegRecordings recordings_;
  std::map<uint64_t, mixer::OutputId> stills_;  // ids of ours: the mixer's begin anew with each mix
  uint64_t last_still_ = 0;
  std::map<std::string, Keypad> keypads_;  ///< by leg, once it has pressed something
  int sip_legs_ = 0;
};

}  // namespace partyline::gateway
