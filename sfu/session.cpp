#include "sfu/session.hpp"

#include "core/random.hpp"

namespace partyline::sfu {
namespace {

std::string new_tag() {
  return "\"" + core::random_token(16) + "\"";
}

}  // namespace

Session::Session(SessionOwner& owner, SessionKind k, std::shared_ptr<Stream> s, HookSubject hook_subject,
                 core::TimePoint now)
    : kind(k),
      stream(std::move(s)),
      subject(std::move(hook_subject)),
      token(core::random_token(32)),
      etag(new_tag()),
      created(now),
      owner_(owner),
      last_heard_(now) {}

rtp::IceDescription Session::restart_ice(std::string ufrag) {
  remote_ufrag = std::move(ufrag);
  etag = new_tag();
  return transport->restart();
}

void Session::on_transport_connected() {
  owner_.on_session_connected(*this);
}

void Session::on_rtp(core::Buffer packet, core::TimePoint now) {
  last_heard_ = now;
  if (kind == SessionKind::publish && !ended) stream->router.receive_from_publisher(std::move(packet), now);
}

void Session::on_rtcp(core::Buffer packet, core::TimePoint now) {
  last_heard_ = now;
  if (ended) return;
  if (kind == SessionKind::publish)
    stream->router.receive_rtcp_from_publisher(packet.span(), now);
  else
    owner_.on_tick_wanted(stream->router.receive_rtcp_from_player(player_id, packet.span(), now));
}

void Session::on_transport_closed(const core::Error& why) {
  owner_.on_session_closed(*this, why);
}

void Session::send_rtp(std::span<const uint8_t> packet) {
  if (transport) transport->send_rtp(packet);
}

void Session::send_rtcp(std::span<const uint8_t> packet) {
  if (transport) transport->send_rtcp(packet);
}

}  // namespace partyline::sfu
