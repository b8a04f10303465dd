#include "gateway/sip_leg.hpp"

#include <fmt/format.h>

#include "core/log.hpp"
#include "core/picture_worth.hpp"
#include "core/random.hpp"
#include "gateway/leg_feedback.hpp"
#include "gateway/renditions.hpp"
#include "gateway/sip_capabilities.hpp"
#include "rtp/remote_clock.hpp"

namespace partyline::gateway {

using core::Error;
using core::ErrorCode;
using core::make_error;
using core::MediaKind;
using core::Result;

SipLeg::SipLeg(const Services& services, std::string id, Call call, mixer::RoomMixer& mixer,
               mixer::VideoRendition room_picture)
    : Leg(std::move(id), call.display_name, "phone", core::Clock::now()),
      services_(services),
      call_(std::move(call)),
      mixer_(mixer),
      room_picture_(room_picture),
      clock_(std::make_shared<rtp::RemoteClock>()),
      sdp_session_id_(core::random_u32()),
      media_since_(core::Clock::now()) {
  const auto& audio = services_.config->audio;
  LegSettings wanted;
  wanted.voice = {audio.common_loudness, audio.noise_suppression, audio.echo_guard};
  Leg::apply(wanted);
}

SipLeg::~SipLeg() {
  close("gone");
}

Result<std::shared_ptr<RtpPort>> SipLeg::open_port(MediaKind kind) {
  boost::system::error_code error;
  auto bind = boost::asio::ip::make_address(services_.config->sip.address, error);
  if (error) return make_error(ErrorCode::invalid, "[sip] address is no numeric address");
  RtpPort::Handlers handlers;
  const std::weak_ptr<SipLeg> weak = weak_from_this();
  handlers.on_digit = [weak](char digit) {
    if (const auto self = weak.lock()) self->press(digit, KeyPresses::Way::rtp);
  };
  handlers.on_keyframe_request = [weak] {
    if (const auto self = weak.lock()) self->send_keyframe();
  };
  // A bound for the voice (Linphone sends some) says nothing of the picture.
  handlers.on_target_bitrate = [weak, kind](core::Bitrate target) {
    if (const auto self = weak.lock(); self && self->picture_ && kind == MediaKind::video)
      self->picture_->set_available(target, core::Clock::now());
  };
  return RtpPort::open(services_, bind, kind, std::move(handlers));
}

rtp::sdp::LocalTransport SipLeg::local_transport(const RtpPort& port) const {
  rtp::sdp::LocalTransport transport;
  transport.address =
      services_.config->sip.advertised_address.empty() ? call_.local_address : services_.config->sip.advertised_address;
  transport.port = port.local_port();
  transport.rtcp_port = static_cast<uint16_t>(port.local_port() + 1);
  transport.rtcp_mux = true;
  transport.ssrc = port.ssrc();
  transport.rtx_ssrc = port.rtx_ssrc();
  transport.cname = id();
  // Of its picture no more is ever shown than the whole canvas.
  if (&port == video_.get()) transport.bandwidth = core::picture_worth(room_picture_.size);
  return transport;
}

Result<std::string> SipLeg::accept(const std::string& offer_text) {
  auto offer = rtp::sdp::parse(offer_text);
  if (!offer) return offer.error();
  auto plan = rtp::sdp::plan_answer(*offer, sip_capabilities(call_.stereo));
  if (!plan) return plan.error();
  std::vector<rtp::sdp::LocalTransport> transports;
  for (const auto& media : plan->media) {
    auto& slot = port(media.track.kind);
    if (!slot) {
      auto opened = open_port(media.track.kind);
      if (!opened) return opened.error();
      slot = std::move(*opened);
    }
    transports.push_back(local_transport(*slot));
  }
  if (auto done = apply(plan->media); !done) return done.error();
  return rtp::sdp::to_string(rtp::sdp::write_answer(*offer, *plan, transports, sdp_session_id_, ++sdp_version_));
}

Result<std::string> SipLeg::offer() {
  std::vector<rtp::sdp::LocalTransport> transports;
  for (const MediaKind kind : {MediaKind::audio, MediaKind::video}) {
    auto& slot = port(kind);
    if (!slot) {
      auto opened = open_port(kind);
      if (!opened) return opened.error();
      slot = std::move(*opened);
    }
    transports.push_back(local_transport(*slot));
  }
  rtp::sdp::OfferOptions options;
  options.session_id = sdp_session_id_;
  options.session_version = ++sdp_version_;
  our_offer_ = rtp::sdp::write_offer(sip_capabilities(call_.stereo), transports, options);
  return rtp::sdp::to_string(*our_offer_);
}

Result<> SipLeg::accept_answer(const std::string& answer_text) {
  if (!our_offer_) return make_error(ErrorCode::conflict, "an answer came, but nothing was offered");
  const auto offer = *std::exchange(our_offer_, std::nullopt);
  auto answer = rtp::sdp::parse(answer_text);
  if (!answer) return answer.error();
  auto media = rtp::sdp::accept_answer(offer, *answer, sip_capabilities(call_.stereo));
  if (!media) return media.error();
  return apply(*media);
}

void SipLeg::connect_inputs() {
  if (!member_) return;
  const auto connect = [this](RtpPort* port, core::FrameSink& input, std::optional<Tee>& tee) {
    if (!port) return;
    if (tapped())
      port->set_sink(&tee.emplace(*this, input));
    else
      port->set_sink(&input);
  };
  connect(audio_.get(), member_->audio_input(), audio_tee_);
  connect(video_.get(), member_->video_input(), video_tee_);
}

Result<> SipLeg::apply(const std::vector<rtp::sdp::NegotiatedMedia>& media) {
  bool has_audio = false, has_video = false;
  for (const auto& section : media)  // before anything is changed
    if (auto good = RtpPort::check(section); !good) return good.error();
  for (const auto& section : media) {
    (section.track.kind == MediaKind::audio ? has_audio : has_video) = true;
    if (auto done = port(section.track.kind)->configure(section, clock_, id()); !done) return done.error();
  }
  if (!has_audio && audio_) std::exchange(audio_, nullptr)->close();
  if (!has_video && video_) {
    if (picture_) picture_->stop();
    picture_.reset();  // it sends through the port that closes
    own_view_ = false;
    std::exchange(video_, nullptr)->close();
  }
  if (!member_) {
    member_ = mixer_.add_member({name(), true});
    member_->set_video_feedback(feedback_to(services_.executor, weak_from_this()));
    Leg::apply(settings());
  }
  connect_inputs();
  if (picture_wish() != core::kMostPictureWorth) send_picture_wish(picture_wish());  // the port may be a new one
  const bool sees = video_ && video_->negotiated() && video_->negotiated()->track.receiving;
  member_->set_video_expected(sees);
  member_->set_own_sound(own_sound());
  media_since_ = core::Clock::now();
  update_outputs();
  return {};
}

// A phone on hold may send or not, and means something else than a mute by either.
mixer::OwnSound SipLeg::own_sound() const {
  if (held() || !audio_ || !audio_->negotiated()) return mixer::OwnSound::none;
  return audio_->negotiated()->track.receiving ? mixer::OwnSound::expected : mixer::OwnSound::refused;
}

void SipLeg::send_picture_wish(core::Bitrate worth) {
  if (video_) video_->set_receive_wish(worth);
}

void SipLeg::update_outputs() {
  update_audio_output();
  update_video_output();
}

void SipLeg::drop_audio_output() {
  if (audio_out_ && member_) member_->remove_output(audio_out_->id);
  audio_out_.reset();
}

void SipLeg::update_audio_output() {
  const bool sends = established_ && audio_ && audio_->negotiated() && audio_->negotiated()->track.sending;
  if (!sends) return drop_audio_output();
  const auto format =
      choose_audio_format(audio_->negotiated()->track, core::Bitrate::kbps(services_.config->rooms.audio_kbps),
                          stats().audio.expected_loss, call_.stereo);
  if (audio_out_ && audio_out_->format == format) return;
  if (audio_out_ && mixer_.set_audio_format(audio_out_->id, format)) {
    audio_out_->format = format;
    return;
  }
  drop_audio_output();
  auto added = member_->add_audio_output(format, std::make_shared<OutboxSink>(services_.outbox, audio_->address()));
  if (!added) return core::log_warn("leg={} hears nothing: {}", id(), added.error().message);
  audio_out_ = AudioOutput{*added, format};
}

void SipLeg::update_video_output() {
  const bool sends = established_ && video_ && video_->negotiated() && video_->negotiated()->track.sending &&
                     video_->negotiated()->track.send_format;
  if (!sends) {
    if (picture_) picture_->stop();
    return;
  }
  const auto& track = video_->negotiated()->track;
  if (!picture_) {
    picture_ = std::make_shared<AdaptivePicture>(services_.executor, mixer_, "leg=" + id(),
                                                 std::make_shared<OutboxSink>(services_.outbox, video_->address()));
  }
  picture_->allow_pass_through(member_.get(), pass_limits(*track.send_format));
  const auto best = choose_rendition(*track.send_format, track.bandwidth, room_picture_);
  auto steps = rendition_steps(best, room_picture_);
  if (own_view_) steps.front().hidden_member = member_->id();  // the smaller ones are everybody's
  const auto started = picture_->start(std::move(steps));
  if (!started)
    core::log_warn("leg={} {}: {}", id(), picture_->rendition() ? "keeps its view" : "sees nothing",
                   started.error().message);
  picture_->set_limit(track.bandwidth, core::Clock::now());
  if (picture_->rendition()) video_->set_bitrate_wish(picture_->wish());
}

void SipLeg::check(core::TimePoint now) {
  if (picture_) picture_->check(now);
}

bool SipLeg::may_have_own_view(core::TimePoint now) const {
  constexpr core::Duration kRegret = std::chrono::seconds(10);
  return !settings().self_view && member_ && picture_ && picture_->at_best() &&
         (!own_view_lost_ || now - *own_view_lost_ >= kRegret);
}

void SipLeg::set_own_view(bool own, core::TimePoint now) {
  if (own_view_ && !own && !settings().self_view) own_view_lost_ = now;
  // Also while a smaller picture is sent: the best one comes back as it was allotted.
  const bool changed = std::exchange(own_view_, own) != own;
  const bool differs = picture_ && picture_->rendition() && (picture_->rendition()->hidden_member != 0) != own;
  if (changed || differs) update_video_output();
}

void SipLeg::established() {
  // Not before: an INVITE with a forged source would aim our media at whomever its SDP names.
  established_ = true;
  update_outputs();
}

void SipLeg::send_keyframe() {
  if (picture_) picture_->request_keyframe();
}

void SipLeg::press(char key, KeyPresses::Way way) {
  if (presses_.is_new(key, way, core::Clock::now()) && on_digit_) on_digit_(key);
}

void SipLeg::request_keyframe() {
  if (closed_ || !video_) return;
  if (video_->has_keyframe_feedback()) return video_->request_keyframe();
  // Whose camera is off has nothing to send again, and would be asked every two seconds for ever.
  constexpr core::Duration kGone = std::chrono::seconds(3);
  const bool sends = core::Clock::now() - video_->stats().video.last_packet < kGone;
  if (!services_.sip || !established_ || !sends) return;
  ++info_requests_sent_;
  services_.sip->send_info_keyframe_request(call_.id);
}

bool SipLeg::held() const {
  const auto sending = [](const std::shared_ptr<RtpPort>& p) {
    return p && p->negotiated() && p->negotiated()->track.sending;
  };
  return member_ && !sending(audio_) && !sending(video_);
}

bool SipLeg::timed_out(core::TimePoint now) const {
  const auto expected = [](const std::shared_ptr<RtpPort>& p) {
    return p && p->negotiated() && p->negotiated()->track.receiving;
  };
  // Who listens only has agreed to be silent: session timers tell whether he is still there.
  if (!established_ || held() || (!expected(audio_) && !expected(video_))) return false;
  const auto session = stats();
  const auto last = std::max({session.audio.last_packet, session.video.last_packet, media_since_});
  return now - last > std::chrono::seconds(services_.config->sip.rtp_timeout_seconds);
}

std::string SipLeg::state() const {
  if (!established_) return "connecting";
  return held() ? "held" : "connected";
}

std::string SipLeg::trouble(core::TimePoint now) const {
  if (!established_ || held()) return {};
  for (const auto& p : {audio_, video_}) {
    if (!p || !p->negotiated() || !p->negotiated()->track.receiving) continue;
    const auto session = p->stats();
    const auto& track = p->negotiated()->track.kind == MediaKind::audio ? session.audio : session.video;
    const auto last = std::max(track.last_packet, media_since_);
    if (now - last > std::chrono::seconds(3))
      return fmt::format("no {} packet for {} s; its SDP says it sends from {}:{}, we listen on port {}",
                         p->negotiated()->track.kind == MediaKind::audio ? "audio" : "video",
                         core::to_ms(now - last) / 1000, p->negotiated()->remote_address, p->negotiated()->remote_port,
                         p->local_port());
  }
  return {};
}

rtp::SessionStats SipLeg::stats() const {
  rtp::SessionStats all;
  if (audio_) all.audio = audio_->stats().audio;
  if (video_) {
    const auto session = video_->stats();
    all.video = session.video;
    all.available_out = session.available_out;
    all.video.keyframes_requested_by_us += info_requests_sent_;
    all.video.keyframes_requested_by_peer += info_requests_received_;
  }
  return all;
}

void SipLeg::close(const std::string& why) {
  if (std::exchange(closed_, true)) return;
  drop_audio_output();
  if (picture_) picture_->stop();
  if (audio_) audio_->close();
  if (video_) video_->close();
  member_.reset();
  on_digit_ = nullptr;
  if (services_.sip) services_.sip->hang_up(call_.id, why);
}

}  // namespace partyline::gateway
