// A SIP call as a leg: offer/answer on one side, a member of the mix on the other.
//
//   INVITE(offer) ─▶ accept() ─▶ answer text ─▶ 200 ─▶ ACK ─▶ established()
//   INVITE        ─▶ offer()  ─▶ 200(offer)  ─▶ ACK(answer) ─▶ accept_answer()
//   re-INVITE     ─▶ accept() again: a full new answer (RFC 3264 §8); hold is a direction, not a state of its own
//
// An audio-only phone costs no video: no socket, no output, no encode. Thread: network.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <memory>
#include <optional>
#include <string>

#include "gateway/adaptive_picture.hpp"
#include "gateway/key_presses.hpp"
#include "gateway/leg.hpp"
#include "gateway/rtp_port.hpp"
#include "gateway/services.hpp"
#include "sip/user_agent.hpp"

namespace partyline::gateway {

class SipLeg final : public Leg, public std::enable_shared_from_this<SipLeg> {
 public:
  struct Call {
    sip::CallId id = 0;
    std::string display_name;
    std::string peer;           ///< for logs: "sip:alice@192.0.2.1"
    std::string local_address;  ///< of ours, that the peer reached: where media is bound and advertised
    bool stereo = false;        ///< the room's sound
    bool pictures = true;       ///< it may have some; a guess: what it costs is measured soon
  };

  SipLeg(const Services& services, std::string id, Call call, mixer::RoomMixer& mixer,
         mixer::VideoRendition room_picture);
  ~SipLeg() override;

  /// The answer to an offer, first or later. On error nothing has changed: the call goes on as it was, or is refused.
  core::Result<std::string> accept(const std::string& offer);
  /// Our offer: to an INVITE without one, or to dial out.
  core::Result<std::string> offer();
  /// The answer to our offer().
  core::Result<> accept_answer(const std::string& answer);
  /// The ACK came: the peer is ready to see.
  void established();
  /// SIP INFO asked for a picture (RFC 5168).
  void send_keyframe_by_info() {
    ++info_requests_received_;
    send_keyframe();
  }
  /// The phone wants nothing from us now (a=sendonly or inactive, RFC 3264 §8.4); it may or may not go on sending.
  bool held() const;
  /// True when nothing has come from the phone for too long, hold exempted (RFC 3550 has no say here; phones die
  /// silently).
  bool timed_out(core::TimePoint now) const;
  sip::CallId call() const { return call_.id; }
  /// Dialling out: the call's id is known only after the offer was made.
  void set_call(sip::CallId call) { call_.id = call; }
  void set_digit_handler(std::function<void(char)> handler) { on_digit_ = std::move(handler); }
  /// A key, told by SIP INFO; once, however many ways the phone tells of it.
  void press(char key) { press(key, KeyPresses::Way::info); }

  std::string_view kind() const override { return "sip"; }
  std::string state() const override;
  std::string trouble(core::TimePoint now) const override;
  rtp::SessionStats stats() const override;
  void close(const std::string& why) override;
  void check(core::TimePoint now) override;
  /// It would rather see the room without itself, and that is possible now: its path carries the best picture, and it
  /// has not lost its own view a moment ago.
  bool may_have_own_view(core::TimePoint now) const;
  /// Changed over to at a keyframe. Called again it goes on with what was begun.
  void set_own_view(bool own, core::TimePoint now);
  bool has_own_view() const { return own_view_; }
  void request_keyframe() override;
  const AdaptivePicture* picture() const override { return picture_.get(); }
  mixer::Member* member() override { return member_.get(); }

 private:
  void send_keyframe();
  /// Between port and member while somebody else gets the leg's frames, too.
  class Tee final : public core::FrameSink {
   public:
    Tee(SipLeg& leg, core::FrameSink& input) : leg_(leg), input_(input) {}
    void push(const core::EncodedFrame& frame) override {
      leg_.tee(frame);
      input_.push(frame);
    }

   private:
    SipLeg& leg_;
    core::FrameSink& input_;
  };
  struct AudioOutput {
    mixer::OutputId id = 0;
    mixer::AudioFormat format;
  };

  core::Result<std::shared_ptr<RtpPort>> open_port(core::MediaKind kind);
  std::shared_ptr<RtpPort>& port(core::MediaKind kind) { return kind == core::MediaKind::audio ? audio_ : video_; }
  rtp::sdp::LocalTransport local_transport(const RtpPort& port) const;
  core::Result<> apply(const std::vector<rtp::sdp::NegotiatedMedia>& media);
  mixer::OwnSound own_sound() const;
  void adapt() override {
    if (!member_) return;
    const auto played = member_->stats();
    const auto waits = std::chrono::duration<double, std::milli>(played.playout_delay_ms);
    if (audio_) audio_->set_playout(std::chrono::duration_cast<core::Duration>(waits), played.audio_late_frames);
    update_audio_output();
  }
  void connect_inputs();
  void on_tap_changed() override { connect_inputs(); }
  void send_picture_wish(core::Bitrate worth) override;
  void update_outputs();
  void update_audio_output();
  void update_video_output();
  void drop_audio_output();
  void press(char key, KeyPresses::Way way);

  const Services& services_;
  Call call_;
  mixer::RoomMixer& mixer_;
  const mixer::VideoRendition room_picture_;
  std::unique_ptr<mixer::Member> member_;
  std::shared_ptr<rtp::RemoteClock> clock_;
  std::shared_ptr<RtpPort> audio_, video_;
  std::optional<Tee> audio_tee_, video_tee_;
  std::optional<AudioOutput> audio_out_;
  std::shared_ptr<AdaptivePicture> picture_;
  bool own_view_ = false;
  std::optional<core::TimePoint> own_view_lost_;
  std::optional<rtp::sdp::Description> our_offer_;  ///< waiting for its answer
  uint64_t sdp_session_id_;
  uint64_t sdp_version_ = 0;
  bool established_ = false;
  bool closed_ = false;
  uint64_t info_requests_sent_ = 0, info_requests_received_ = 0;  ///< for a keyframe, by SIP INFO
  core::TimePoint media_since_;
  std::function<void(char)> on_digit_;
  KeyPresses presses_;
};

}  // namespace partyline::gateway
