// Plain RTP over UDP for SIP legs: an RTP socket and its RTCP neighbour, or both on one (rtcp-mux, RFC 5761).
//
// Symmetric RTP with a probation rule (RFC 4961; wants of NATs): media goes to the address of the SDP until
// `kProbation` valid RTP packets in a row have come from one other address that may be the peer's (address_latch.hpp);
// then it goes there. After that only the port may change, never the host, unless the SDP does.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/udp.hpp>
#include <memory>
#include <optional>

#include "core/footprint.hpp"
#include "rtp/transport/transport.hpp"

namespace partyline::rtp {

/// Hands out even/odd UDP port pairs of a range, round robin, so that a late packet of an old call does not meet a new
/// one. Thread: the network executor.
class PortPool {
 public:
  /// [first, last], e.g. 20000, 29999.
  PortPool(uint16_t first, uint16_t last) : first_(first), last_(last), next_(first) {}
  uint16_t first() const { return first_; }
  uint16_t last() const { return last_; }
  /// The next even port to try.
  uint16_t next();

 private:
  uint16_t first_, last_;
  uint32_t next_;
};

class UdpTransport final : public Transport, public std::enable_shared_from_this<UdpTransport> {
 public:
  static constexpr int kProbation = 3;  // packets

  /// Binds a pair of ports at `address`; `limit` when the range is used up. `batch`: RTP packets that usually come at
  /// the same time.
  static core::Result<std::shared_ptr<UdpTransport>> open(boost::asio::any_io_executor executor,
                                                          const boost::asio::ip::address& address, PortPool& ports,
                                                          size_t batch = 1);
  ~UdpTransport() override;

  uint16_t local_rtp_port() const;
  uint16_t local_rtcp_port() const;  ///< == local_rtp_port() + 1
  /// Where the SDP says the peer is. May change at any time (re-INVITE): the latch starts again.
  void set_remote(const boost::asio::ip::udp::endpoint& rtp, const boost::asio::ip::udp::endpoint& rtcp, bool rtcp_mux);
  /// Where media really goes now (the latched address), for the call report.
  boost::asio::ip::udp::endpoint remote_rtp() const;
  /// Starts receiving. `events` must outlive the transport or its close().
  void start(TransportEvents& events);

  void send_rtp(std::span<const uint8_t> packet) override;
  void send_rtcp(std::span<const uint8_t> packet) override;
  /// What is sent in between leaves in as few system calls as possible, with end_burst() at the latest.
  void begin_burst();
  void end_burst();
  void close() override;
  /// Of an RTP packet that is received, or sent.
  void add_footprint(core::Footprint& footprint) const;
  /// Of all that becomes of an RTP packet that is received.
  void set_footprint(const core::Footprint& footprint);

 private:
  struct Impl;
  explicit UdpTransport(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace partyline::rtp
