// LayerSession: one more simulcast layer on a connection's transport, in an RTP session of its own: its numbers,
// history, pacing and reports have nothing to do with those of the first layer. Congestion control is the transport's
// (layer_shares.hpp). Thread: the connection's.
#pragma once

#include <memory>

#include "rtp/session.hpp"

namespace partyline::whip_client {

class LayerSession final : public rtp::SessionEvents {
 public:
  /// `transport` gets the packets, `owner` learns of wishes under the number `layer`.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void on_layer_keyframe_request(size_t layer) = 0;
    virtual void on_layer_target(size_t layer, core::Bitrate target) = 0;
  };
  LayerSession(size_t layer, rtp::SessionConfig config, rtp::SessionEvents& transport, Owner& owner,
               core::TimePoint now)
      : layer_(layer), transport_(transport), owner_(owner), session_(std::move(config), *this, now) {}

  rtp::Session& session() { return session_; }

 private:
  void send_rtp(std::span<const uint8_t> packet) override { transport_.send_rtp(packet); }
  void send_rtcp(std::span<const uint8_t> packet) override { transport_.send_rtcp(packet); }
  void begin_burst() override { transport_.begin_burst(); }
  void end_burst() override { transport_.end_burst(); }
  void on_frame(const core::EncodedFrame&) override {}
  void on_digit(char) override {}
  void on_keyframe_request() override { owner_.on_layer_keyframe_request(layer_); }
  void on_target_bitrate(core::Bitrate target) override { owner_.on_layer_target(layer_, target); }

  const size_t layer_;
  rtp::SessionEvents& transport_;
  Owner& owner_;
  rtp::Session session_;
};

}  // namespace partyline::whip_client
