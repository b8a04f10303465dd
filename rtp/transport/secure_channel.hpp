// SecureChannel: what both WebRTC transports have above ICE: a DTLS endpoint with its timer, and SRTP once it is
// established. The owner moves datagrams.
//
// Thread: the executor. Owner calls fire last; on_secure_… may call close() but must not destroy the channel.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <span>

#include "core/buffer.hpp"
#include "core/result.hpp"
#include "core/time.hpp"
#include "rtp/transport/dtls_endpoint.hpp"
#include "rtp/transport/transport.hpp"

namespace partyline::rtp {

class SecureChannelOwner {
 public:
  virtual ~SecureChannelOwner() = default;
  virtual void send_datagram(std::span<const uint8_t> datagram) = 0;
  virtual void on_secure_connected() = 0;
  virtual void on_secure_rtp(core::Buffer packet, core::TimePoint now) = 0;
  virtual void on_secure_rtcp(core::Buffer packet, core::TimePoint now) = 0;
  /// The handshake failed or the peer closed. Said once.
  virtual void on_secure_closed(const core::Error& why) = 0;
};

/// The peer's word in SDP, checked: a role for us and a fingerprint of a known hash and the right shape.
struct SecurePeer {
  DtlsRole our_role = DtlsRole::client;
  DtlsEndpoint::PeerFingerprint fingerprint;

  /// `invalid` in words when the description does not do.
  static core::Result<SecurePeer> from(const IceDescription& remote);
  /// a=setup of our answer: the complement of the peer's ("actpass" → "passive": it begins as soon as it has a path).
  const char* our_setup() const { return our_role == DtlsRole::client ? "active" : "passive"; }
};

class SecureChannel {
 public:
  SecureChannel(boost::asio::any_io_executor executor, std::shared_ptr<const DtlsIdentity> identity, SecurePeer peer,
                SecureChannelOwner& owner);
  ~SecureChannel();

  /// A path exists, or a better one: begins the handshake, or repeats its last flight.
  void path_ready();
  /// A retransmission is due: the channel's own timer calls it, and who keeps another time.
  void handle_timeout();
  /// DTLS, SRTP or SRTCP. True when the packet was proved to be the peer's.
  bool receive(core::Buffer packet, core::TimePoint now);
  void send_rtp(std::span<const uint8_t> packet);
  void send_rtcp(std::span<const uint8_t> packet);
  /// close_notify; the owner is not called any more except to send it.
  void close();

 private:
  void after_dtls();
  void arm_timer();
  bool receive_media(core::Buffer packet, bool rtcp, core::TimePoint now);
  void protect_and_send(std::span<const uint8_t> packet, bool rtcp);

  SecureChannelOwner& owner_;
  DtlsEndpoint dtls_;
  std::unique_ptr<SrtpSession> srtp_;
  boost::asio::steady_timer timer_;
  bool done_ = false;
  std::shared_ptr<SecureChannel*> alive_;  // what a late timer asks
};

}  // namespace partyline::rtp
