// RtpPort: one m= section of a SIP leg: its UDP transport, its RTP session, and the timer that drives it. Glue:
// connects, decides nothing. Thread: network.
#pragma once

#include <boost/asio/ip/udp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "gateway/outbox.hpp"
#include "gateway/services.hpp"
#include "rtp/sdp/negotiation.hpp"
#include "rtp/session.hpp"
#include "rtp/transport/udp_transport.hpp"

namespace partyline::gateway {

class RtpPort final : public rtp::TransportEvents,
                      public rtp::SessionEvents,
                      public FrameSender,
                      public std::enable_shared_from_this<RtpPort> {
 public:
  /// What the leg wants to hear; all optional.
  struct Handlers {
    std::function<void(char)> on_digit;
    std::function<void()> on_keyframe_request;
    std::function<void(core::Bitrate)> on_target_bitrate;  ///< what the way to the peer carries
  };

  ~RtpPort() override;
  static core::Result<std::shared_ptr<RtpPort>> open(const Services& services, const boost::asio::ip::address& bind,
                                                     core::MediaKind kind, Handlers handlers);

  /// Whether configure() would take it: `invalid`, if the peer's address is no numeric address.
  static core::Result<> check(const rtp::sdp::NegotiatedMedia& media);
  /// Applies what offer/answer came to: starts the session, or reconfigures it. `invalid`: the peer's address is no
  /// numeric address.
  core::Result<> configure(const rtp::sdp::NegotiatedMedia& media, std::shared_ptr<rtp::RemoteClock> clock,
                           const std::string& cname);
  /// Where frames go; null: nowhere. Must outlive the port, its close() or the next call.
  void set_sink(core::FrameSink* sink) { sink_ = sink; }
  /// For frames to be sent.
  Outbox::Address address() const { return address_; }
  uint16_t local_port() const { return transport_->local_rtp_port(); }
  uint32_t ssrc() const { return ssrc_; }
  /// Of packets sent again, where RTX is agreed.
  uint32_t rtx_ssrc() const { return ssrc_ ^ 1; }
  const std::optional<rtp::sdp::NegotiatedMedia>& negotiated() const { return negotiated_; }
  rtp::SessionStats stats() const { return session_ ? session_->stats() : rtp::SessionStats{}; }
  /// True if the peer understands PLI or FIR.
  bool has_keyframe_feedback() const;
  void request_keyframe();
  void set_playout(core::Duration delay, uint64_t packets_late) {
    if (session_) session_->set_playout(delay, packets_late);
  }
  /// What more bandwidth towards the peer would be used for.
  void set_bitrate_wish(core::Bitrate wish);
  /// More than this from the peer would be of no use.
  void set_receive_wish(core::Bitrate wish);
  /// RTCP BYE, socket closed, handlers dropped. Idempotent.
  void close();

  void send_frame(const core::EncodedFrame& frame) override;

 private:
  RtpPort(const Services& services, Handlers handlers);
  void drive();
  void drive_now_and_then();
  void arm(core::TimePoint when);
  void note_footprints();

  void on_transport_connected() override {}
  void on_rtp(core::Buffer packet, core::TimePoint now) override;
  void on_rtcp(core::Buffer packet, core::TimePoint now) override;
  void on_transport_closed(const core::Error&) override {}
  void send_rtp(std::span<const uint8_t> packet) override { transport_->send_rtp(packet); }
  void send_rtcp(std::span<const uint8_t> packet) override { transport_->send_rtcp(packet); }
  void begin_burst() override { transport_->begin_burst(); }
  void end_burst() override { transport_->end_burst(); }
  void on_frame(const core::EncodedFrame& frame) override;
  void on_digit(char digit) override;
  void on_keyframe_request() override;
  void on_target_bitrate(core::Bitrate target) override;

  // What each packet needs comes first, side by side.
  bool closed_ = false;
  bool video_ = false;
  std::optional<rtp::Session> session_;
  std::shared_ptr<rtp::UdpTransport> transport_;
  core::FrameSink* sink_ = nullptr;
  uint32_t ssrc_;
  const std::shared_ptr<Outbox> outbox_;
  Outbox::Address address_;
  Handlers handlers_;
  boost::asio::steady_timer timer_;
  core::TimePoint armed_for_ = core::TimePoint::max();
  std::optional<rtp::sdp::NegotiatedMedia> negotiated_;
  std::optional<boost::asio::ip::udp::endpoint> peer_;  ///< the last that its SDP named
};

}  // namespace partyline::gateway
