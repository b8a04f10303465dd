// A WebRTC stream of the room in the SFU as a leg: pulled by WHEP, shown and heard in the mix. What this participant
// hears is not here but in its personal mix stream (mix_push.hpp). Thread: network.
#pragma once

#include <memory>
#include <string>

#include "gateway/leg.hpp"
#include "gateway/services.hpp"
#include "whip_client/peer.hpp"

namespace partyline::gateway {

class WhepLeg final : public Leg, private whip_client::PeerEvents, public std::enable_shared_from_this<WhepLeg> {
 public:
  WhepLeg(const Services& services, std::string id, std::string room, std::string stream, std::string display_name,
          mixer::RoomMixer& mixer);
  ~WhepLeg() override;
  /// Begins to pull; keeps trying until close().
  void start();
  const std::string& stream() const { return stream_; }

  std::string_view kind() const override { return "whep"; }
  bool is_person() const override;
  std::string state() const override;
  std::string trouble(core::TimePoint now) const override;
  rtp::SessionStats stats() const override;
  void close(const std::string& why) override;
  std::optional<rtp::LinkReport> publisher_link() const override;
  mixer::Member* member() override { return member_.get(); }
  void request_keyframe() override;

 private:
  void send_picture_wish(core::Bitrate worth) override;
  void on_peer_state(whip_client::PeerState state, const std::string& why) override;
  void on_frame(const core::EncodedFrame& frame) override;
  void on_keyframe_request() override {}
  void on_target_bitrate(core::Bitrate) override {}

  const Services& services_;
  std::string room_, stream_;
  std::unique_ptr<mixer::Member> member_;
  std::shared_ptr<whip_client::Peer> peer_;
  std::string waiting_because_;
  bool closed_ = false;
};

}  // namespace partyline::gateway
