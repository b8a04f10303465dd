#include "gateway/mix_push.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "core/log.hpp"
#include "gateway/names.hpp"

namespace partyline::gateway {
namespace {
// Constrained baseline; of the level they say, 3.1, they take more.
constexpr mixer::PassLimits kBrowsers{66, 42};
constexpr std::array<std::string_view, 3> kRids{"h", "m", "l"};
}  // namespace

MixPush::MixPush(const Services& services, std::string room, std::string stream, std::string publish_mark,
                 mixer::RoomMixer& mixer, mixer::VideoRendition picture)
    : services_(services),
      room_(std::move(room)),
      stream_(std::move(stream)),
      mixer_(mixer),
      picture_(picture),
      steps_(rendition_steps(picture_, picture_)) {
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
  for (size_t i = 0; offers_simulcast() && i < std::min(steps_.size(), kRids.size()); ++i)
    config.simulcast.push_back({std::string(kRids[i]), steps_[i].size, steps_[i].frames_per_second, steps_[i].bitrate});
  config.stereo = stereo();
  peer_ = whip_client::make_publisher(services_.executor, *services_.ice, std::move(config), *this);
  adaptive_ =
      std::make_shared<AdaptivePicture>(services_.executor, mixer_, "room=" + room_ + " " + stream_, peer_->sink());
  peer_->set_bitrate_wish({picture_.bitrate.bits_per_second + audio_bitrate().bits_per_second});
  peer_->start();
}

MixPush::~MixPush() {
  detach();
  set_layers(1);
  adaptive_->stop();
  peer_->stop();
}

/// The embedded SFU has a layer sent only while one of its players needs it; personal pushes have one player each.
bool MixPush::offers_simulcast() const {
  const auto& sfu = services_.config->sfu;
  return sfu.simulcast == "on" || (sfu.simulcast == "auto" && sfu.embedded && stream_ == mix_stream_for(""));
}

void MixPush::set_layers(size_t count) {
  whole_wanted_ = true;
  target_.reset();
  for (const Lower& each : lower_) each.picture->stop();
  lower_.clear();
  for (size_t i = 1; i < count; ++i) {
    const std::string who = "room=" + room_ + " " + stream_ + " (" + std::string(kRids[i]) + ")";
    lower_.push_back({std::make_shared<AdaptivePicture>(services_.executor, mixer_, who, peer_->sink(i))});
  }
}

void MixPush::start(AdaptivePicture& picture, std::vector<mixer::VideoRendition> steps) {
  if (auto started = picture.start(std::move(steps)); !started)
    core::log_error("room={} {} has no picture: {}", room_, stream_, started.error().message);
}

void MixPush::start_pictures() {
  if (!watched_) return;
  if (!whole_wanted_) adaptive_->stop();
  if (whole_wanted_) start(*adaptive_, lower_.empty() ? steps_ : std::vector{steps_.front()});
  for (size_t i = 0; i < lower_.size(); ++i) {
    if (lower_[i].wanted) start(*lower_[i].picture, {steps_[i + 1]});
    if (!lower_[i].wanted) lower_[i].picture->stop();
  }
}

std::vector<MixPush::Layer> MixPush::layers() const {
  std::vector<Layer> result;
  if (lower_.empty()) return result;
  const auto add = [&result](const AdaptivePicture& picture) {
    const auto* const sent = picture.rendition();
    result.push_back({std::string(kRids[result.size()]), sent ? std::optional(*sent) : std::nullopt, picture.target()});
  };
  add(*adaptive_);
  for (const Lower& each : lower_) add(*each.picture);
  return result;
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
  if (!watched) {
    adaptive_->stop();
    for (const Lower& each : lower_) each.picture->stop();
  }
  watched_ = watched;
  attach();
  // The server was connected all the time, and what it takes is told when it changes.
  if (target_) on_target_bitrate(*target_);
  for (size_t i = 0; i < lower_.size(); ++i)
    if (lower_[i].target) on_layer_target(i + 1, *lower_[i].target);
}

mixer::AudioFormat MixPush::audio_format() const {
  mixer::AudioFormat format;
  format.codec = core::Codec::opus;
  format.channels = stereo() ? 2 : 1;
  format.bitrate = audio_bitrate();
  format.expected_loss = expected_loss_;
  return format;
}

void MixPush::add_audio() {
  const mixer::AudioFormat format = audio_format();
  auto audio =
      listener_ ? listener_->add_audio_output(format, peer_->sink()) : mixer_.add_audio_output(format, peer_->sink());
  if (audio) audio_ = *audio;
  if (!audio) core::log_error("room={} {} has no sound: {}", room_, stream_, audio.error().message);
}

void MixPush::check(core::TimePoint now) {
  adaptive_->check(now);
  // The server's reports tell what it, or who plays it, does not get.
  const rtp::SessionStats stats = peer_->stats();
  journal_.add(stats, now);
  const int expected = stats.audio.expected_loss;
  if (expected == std::exchange(expected_loss_, expected) || !audio_) return;
  core::log_info("room={} {} prepares its sound for {} % loss", room_, stream_, expected);
  if (mixer_.set_audio_format(*audio_, audio_format())) return;
  detach();
  add_audio();
}

void MixPush::attach() {
  if (!watched_) return;
  add_audio();
  adaptive_->allow_pass_through(listener_, kBrowsers);
  start_pictures();
}

void MixPush::detach() {
  if (!audio_) return;
  if (listener_)
    listener_->remove_output(*audio_);
  else
    mixer_.remove_output(*audio_);
  audio_.reset();
}

void MixPush::on_peer_state(whip_client::PeerState state, const std::string& why) {
  if (state == whip_client::PeerState::connected) {
    core::log_info("room={} pushes {} to the SFU{}", room_, stream_, peer_->layers() > 1 ? " in several sizes" : "");
    set_layers(peer_->layers());
    start_pictures();
    on_keyframe_request();
  } else if (state == whip_client::PeerState::waiting) {
    core::log_warn("room={} cannot push {}: {}; trying again", room_, stream_, core::printable(why));
  }
}

void MixPush::on_keyframe_request() {
  adaptive_->request_keyframe();
}

bool MixPush::stereo() const {
  return matches_any(room_, services_.config->rooms.stereo);
}

core::Bitrate MixPush::audio_bitrate() const {
  return core::Bitrate::kbps(services_.config->rooms.audio_kbps);
}

void MixPush::on_layer_keyframe_request(size_t layer) {
  if (layer <= lower_.size()) lower_[layer - 1].picture->request_keyframe();
}

void MixPush::on_layer_target(size_t layer, core::Bitrate target) {
  if (layer > lower_.size()) return;
  Lower& lower = lower_[layer - 1];
  lower.target = target;
  const bool changed = std::exchange(lower.wanted, target.bits_per_second > 0) != lower.wanted;
  if (changed) start_pictures();
  if (lower.wanted) lower.picture->set_available(target, core::Clock::now());
}

void MixPush::on_target_bitrate(core::Bitrate target) {
  target_ = target;
  if (!lower_.empty() && whole_wanted_ != (target.bits_per_second > 0)) {
    whole_wanted_ = target.bits_per_second > 0;
    start_pictures();
  }
  // One transport for both: the sound has its share first.
  const int64_t video = target.bits_per_second - audio_bitrate().bits_per_second;
  adaptive_->set_available({std::max<int64_t>(video, 64'000)}, core::Clock::now());
}

}  // namespace partyline::gateway
