#include "gateway/mix_push.hpp"

#include "core/log.hpp"
#include "gateway/names.hpp"

namespace partyline::gateway {
namespace {
// Constrained baseline; of the level they say, 3.1, they take more.
constexpr mixer::PassLimits kBrowsers{66, 42};
}  // namespace

MixPush::MixPush(const Services& services, std::string room, std::string stream, std::string publish_mark,
                 mixer::RoomMixer& mixer, mixer::VideoRendition picture)
    : services_(services), room_(std::move(room)), stream_(std::move(stream)), mixer_(mixer), picture_(picture) {
  whip_client::PeerConfig config;
  config.url = expand_url(services_.whip_url, room_, stream_);
  config.url += (config.url.find('?') == std::string::npos ? "?" : "&") + publish_mark;
  const auto& sfu = services_.config->sfu;
  config.bearer_token = sfu.token.empty() ? sfu.publish_token : sfu.token;
  config.verify_tls = services_.config->sfu.verify_tls;
  config.ca_file = services_.config->sfu.ca_file;
  config.ice_servers = sfu.ice_servers;
  config.ice_tcp = sfu.ice_tcp;
  config.video_codecs = {picture_.codec};
  config.cname = room_ + "/" + stream_;
  peer_ = whip_client::make_publisher(services_.executor, *services_.ice, std::move(config), *this);
  attach();
  peer_->start();
}

MixPush::~MixPush() {
  detach();
  peer_->stop();
}

void MixPush::listen_as(mixer::Member* listener) {
  if (listener == listener_) return;
  detach();
  listener_ = listener;
  attach();
}

void MixPush::set_watched(bool watched) {
  if (watched == watched_) return;
  detach();
  watched_ = watched;
  attach();
}

void MixPush::attach() {
  if (!watched_) return;
  mixer::AudioFormat format;
  format.codec = core::Codec::opus;
  format.channels = 1;
  format.bitrate = core::Bitrate::kbps(services_.config->rooms.audio_kbps);
  auto audio =
      listener_ ? listener_->add_audio_output(format, peer_->sink()) : mixer_.add_audio_output(format, peer_->sink());
  auto video = listener_ ? listener_->add_video_output(picture_, peer_->sink())
                         : mixer_.add_video_output(picture_, peer_->sink());
  if (audio) audio_ = *audio;
  if (video) video_ = *video;
  if (video) mixer_.allow_pass_through(*video, listener_, kBrowsers);
  if (!audio) core::log_error("room={} {} has no sound: {}", room_, stream_, audio.error().message);
  if (!video) core::log_error("room={} {} has no picture: {}", room_, stream_, video.error().message);
}

void MixPush::detach() {
  for (auto* output : {&audio_, &video_}) {
    if (!*output) continue;
    if (listener_)
      listener_->remove_output(**output);
    else
      mixer_.remove_output(**output);
    output->reset();
  }
}

void MixPush::on_peer_state(whip_client::PeerState state, const std::string& why) {
  if (state == whip_client::PeerState::connected) {
    core::log_info("room={} pushes {} to the SFU", room_, stream_);
    on_keyframe_request();
  } else if (state == whip_client::PeerState::waiting) {
    core::log_warn("room={} cannot push {}: {}; trying again", room_, stream_, core::printable(why));
  }
}

void MixPush::on_keyframe_request() {
  if (video_) mixer_.request_keyframe(*video_);
}

}  // namespace partyline::gateway
