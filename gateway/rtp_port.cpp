#include "gateway/rtp_port.hpp"

#include <boost/asio/ip/address.hpp>

#include "core/random.hpp"
#include "rtp/remote_clock.hpp"

namespace partyline::gateway {
namespace {
using boost::asio::ip::udp;

constexpr size_t kPacketsOfAPicture = 8;  // they come together

core::Result<udp::endpoint> endpoint_of(const std::string& address, uint16_t port) {
  boost::system::error_code error;
  auto parsed = boost::asio::ip::make_address(address, error);
  if (error)
    return core::make_error(core::ErrorCode::invalid,
                            "c= must hold a numeric address, not '" + address.substr(0, 64) + "'");
  if (parsed.is_multicast())
    return core::make_error(core::ErrorCode::unsupported, "media to a multicast address is not supported");
  return udp::endpoint(parsed, port);
}
}  // namespace

RtpPort::RtpPort(const Services& services, Handlers handlers)
    : ssrc_(core::random_u32()), outbox_(services.outbox), handlers_(std::move(handlers)), timer_(services.executor) {}

RtpPort::~RtpPort() {
  outbox_->remove(address_);
}

core::Result<std::shared_ptr<RtpPort>> RtpPort::open(const Services& services, const boost::asio::ip::address& bind,
                                                     core::MediaKind kind, Handlers handlers) {
  const size_t batch = kind == core::MediaKind::video ? kPacketsOfAPicture : 1;
  auto transport = rtp::UdpTransport::open(services.executor, bind, *services.ports, batch);
  if (!transport) return transport.error();
  std::shared_ptr<RtpPort> port(new RtpPort(services, std::move(handlers)));
  port->address_ = services.outbox->add(port);
  port->transport_ = std::move(*transport);
  return port;
}

core::Result<> RtpPort::check(const rtp::sdp::NegotiatedMedia& media) {
  if (auto rtp = endpoint_of(media.remote_address, media.remote_port); !rtp) return rtp.error();
  const auto& rtcp = media.remote_rtcp_address.empty() ? media.remote_address : media.remote_rtcp_address;
  if (auto end = endpoint_of(rtcp, media.remote_rtcp_port); !end) return end.error();
  return {};
}

core::Result<> RtpPort::configure(const rtp::sdp::NegotiatedMedia& media, std::shared_ptr<rtp::RemoteClock> clock,
                                  const std::string& cname) {
  const auto rtp = endpoint_of(media.remote_address, media.remote_port);
  if (!rtp) return rtp.error();
  const auto rtcp = endpoint_of(media.remote_rtcp_address.empty() ? media.remote_address : media.remote_rtcp_address,
                                media.remote_rtcp_port);
  if (!rtcp) return rtcp.error();
  rtp::TrackConfig track = media.track;
  track.local_ssrc = ssrc_;
  track.local_rtx_ssrc = rtx_ssrc();
  const bool moved = !negotiated_ || negotiated_->remote_address != media.remote_address ||
                     negotiated_->remote_port != media.remote_port || negotiated_->rtcp_mux != media.rtcp_mux;
  negotiated_ = media;
  // c=0.0.0.0 is the old way to hold (RFC 3264 §8.4): nobody to send to, and the latch stays as it is.
  const bool held = rtp->address().is_unspecified();
  if (moved && !held) transport_->set_remote(*rtp, *rtcp, media.rtcp_mux);
  const bool another = !held && peer_ && *peer_ != *rtp;
  if (!held) peer_ = *rtp;
  const auto now = core::Clock::now();
  if (session_) {
    session_->reconfigure({track}, now, another ? rtp::Session::Path::another : rtp::Session::Path::same);
  } else {
    rtp::SessionConfig config;
    config.cname = cname;
    config.tracks = {track};
    config.remote_clock = std::move(clock);
    video_ = track.kind == core::MediaKind::video;
    session_.emplace(std::move(config), *this, now);
    transport_->start(*this);
  }
  drive();
  return {};
}

bool RtpPort::has_keyframe_feedback() const {
  if (!negotiated_) return false;
  for (const auto& format : negotiated_->track.receive_formats)
    if (format.pli || format.fir) return true;
  return false;
}

void RtpPort::request_keyframe() {
  if (closed_ || !session_) return;
  session_->request_keyframe(core::Clock::now());
  drive();
}

void RtpPort::set_bitrate_wish(core::Bitrate wish) {
  if (session_) session_->set_bitrate_wish(wish);
}

void RtpPort::set_receive_wish(core::Bitrate wish) {
  if (closed_ || !session_) return;
  session_->set_receive_wish(wish);
  drive();
}

void RtpPort::close() {
  if (std::exchange(closed_, true)) return;
  if (session_) session_->send_bye(core::Clock::now());
  transport_->close();
  timer_.cancel();
  handlers_ = {};
  sink_ = nullptr;
}

void RtpPort::send_frame(const core::EncodedFrame& frame) {
  if (closed_ || !session_) return;
  session_->send(frame, core::Clock::now());
  drive_now_and_then();
}

void RtpPort::on_rtp(core::Buffer packet, core::TimePoint now) {
  if (!session_) return;
  session_->receive_rtp(std::move(packet), now);
  drive_now_and_then();
}

void RtpPort::on_rtcp(core::Buffer packet, core::TimePoint now) {
  if (session_) session_->receive_rtcp(packet.span(), now);
}

// The session says when it wants to be called next; one timer a port follows that, and never runs backwards for
// nothing.
void RtpPort::drive() {
  if (closed_ || !session_) return;
  arm(session_->tick(core::Clock::now()));
  if (!video_) note_footprints();
}

// For sound, of which a thousand legs may send and want a packet each in every 20 ms. Again from time to time, for some
// of it moves.
void RtpPort::note_footprints() {
  core::Footprint received, sent;
  for (core::Footprint* const footprint : {&received, &sent}) {
    footprint->add_between(this, &handlers_);
    transport_->add_footprint(*footprint);
  }
  session_->add_footprint(received, sent);
  core::add_footprint_of(sink_, received);
  transport_->set_footprint(received);
  outbox_->set_footprint(address_, sent);
}

// After each packet of video: a gap wants its NACK now, not at the next report. Sound has nothing between its timers.
void RtpPort::drive_now_and_then() {
  if (video_) drive();
}

void RtpPort::arm(core::TimePoint when) {
  if (when >= armed_for_ && armed_for_ > core::Clock::now()) return;
  armed_for_ = when;
  timer_.expires_at(when);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!self || error) return;
    self->armed_for_ = core::TimePoint::max();
    self->drive();
  });
}

void RtpPort::on_frame(const core::EncodedFrame& frame) {
  if (sink_) sink_->push(frame);
}

void RtpPort::on_digit(char digit) {
  if (handlers_.on_digit) handlers_.on_digit(digit);
}

void RtpPort::on_target_bitrate(core::Bitrate target) {
  if (handlers_.on_target_bitrate) handlers_.on_target_bitrate(target);
}

void RtpPort::on_keyframe_request() {
  if (handlers_.on_keyframe_request) handlers_.on_keyframe_request();
}

}  // namespace partyline::gateway
