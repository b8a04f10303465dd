#include "gateway/whep_leg.hpp"

#include "core/log.hpp"
#include "gateway/leg_feedback.hpp"
#include "gateway/names.hpp"

namespace partyline::gateway {

WhepLeg::WhepLeg(const Services& services, std::string id, std::string room, std::string stream,
                 std::string display_name, mixer::RoomMixer& mixer)
    : Leg(std::move(id), std::move(display_name), "SFU", core::Clock::now()),
      services_(services),
      room_(std::move(room)),
      stream_(std::move(stream)),
      member_(mixer.add_member({name(), true, is_screen_stream(stream_)})) {}

WhepLeg::~WhepLeg() {
  close("gone");
}

void WhepLeg::start() {
  member_->set_video_feedback(feedback_to(services_.executor, weak_from_this()));
  whip_client::PeerConfig config;
  config.url = expand_url(services_.whep_url, room_, stream_);
  const auto& sfu = services_.config->sfu;
  config.bearer_token = sfu.token.empty() ? sfu.play_token : sfu.token;
  config.verify_tls = services_.config->sfu.verify_tls;
  config.ca_file = services_.config->sfu.ca_file;
  config.ice_servers = sfu.ice_servers;
  config.ice_tcp = sfu.ice_tcp;
  config.video_codecs = {core::Codec::h264, core::Codec::vp8};
  config.cname = id();
  config.stereo = matches_any(room_, services_.config->rooms.stereo);
  peer_ = whip_client::make_subscriber(services_.executor, *services_.ice, std::move(config), *this);
  peer_->start();
}

bool WhepLeg::is_person() const {
  return !is_screen_stream(stream_);
}

void WhepLeg::request_keyframe() {
  if (peer_) peer_->request_keyframe();
}

void WhepLeg::send_picture_wish(core::Bitrate worth) {
  if (peer_) peer_->set_bitrate_wish(worth);
}

void WhepLeg::on_peer_state(whip_client::PeerState state, const std::string& why) {
  waiting_because_ = why;
  if (state == whip_client::PeerState::connected) core::log_info("room={} leg={} pulls {}", room_, id(), stream_);
  if (state == whip_client::PeerState::waiting)
    core::log_warn("room={} leg={} cannot pull {}: {}; trying again", room_, id(), stream_, core::printable(why));
}

void WhepLeg::on_frame(const core::EncodedFrame& frame) {
  if (!member_) return;
  tee(frame);
  if (core::kind_of(frame.codec) == core::MediaKind::audio) return member_->audio_input().push(frame);
  member_->video_input().push(frame);
}

std::string WhepLeg::state() const {
  if (!peer_) return "closed";
  switch (peer_->state()) {
    case whip_client::PeerState::connecting:
      return "connecting";
    case whip_client::PeerState::connected:
      return "connected";
    case whip_client::PeerState::waiting:
      return "waiting";
  }
  return "waiting";
}

std::string WhepLeg::trouble(core::TimePoint now) const {
  if (!waiting_because_.empty()) return waiting_because_;
  if (!peer_ || peer_->state() != whip_client::PeerState::connected) return {};
  const auto session = peer_->stats();
  const auto last = std::max({session.audio.last_packet, session.video.last_packet, since()});
  if (now - last > std::chrono::seconds(3)) return "connected, but the SFU sends nothing: has the publisher gone?";
  return {};
}

rtp::SessionStats WhepLeg::stats() const {
  return peer_ ? peer_->stats() : rtp::SessionStats{};
}

std::optional<rtp::LinkReport> WhepLeg::publisher_link() const {
  if (!services_.links) return std::nullopt;
  return services_.links->publisher(room_, stream_);
}

void WhepLeg::close(const std::string&) {
  if (std::exchange(closed_, true)) return;
  if (peer_) peer_->stop();
  peer_.reset();
  member_.reset();
}

}  // namespace partyline::gateway
