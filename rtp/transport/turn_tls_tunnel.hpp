// TurnTlsTunnel: TURN over TLS (RFC 8656 §3.1, "turns:") for libnice, which has no TLS of its own: a TCP port of the
// loopback that a plain TURN client connects to, and behind it a TLS connection to the server for each that does.
//
//   libnice ──TCP, 127.0.0.1──▶ tunnel ══TLS, name and issuer of the certificate verified══▶ TURN server
//
// A connection whose server cannot be reached, or shows another certificate, is closed, and the log says why. What is
// under way outlives the tunnel until one of its ends closes: libnice takes leave of its servers after we do.
// I/O only. Thread: the executor.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>

#include "core/result.hpp"

namespace partyline::rtp {

class TurnTlsTunnel {
 public:
  /// `host`: what the certificate must be for; `server`: one of its addresses. The loopback port is of the same IP
  /// version. `ca_file`: whom to believe (PEM), empty: the system's CAs.
  static core::Result<std::shared_ptr<TurnTlsTunnel>> open(boost::asio::any_io_executor executor, std::string host,
                                                           boost::asio::ip::tcp::endpoint server,
                                                           const std::string& ca_file = {});
  ~TurnTlsTunnel();
  TurnTlsTunnel(const TurnTlsTunnel&) = delete;
  boost::asio::ip::tcp::endpoint local() const;

 private:
  struct Listener;
  explicit TurnTlsTunnel(std::shared_ptr<Listener> listener);
  std::shared_ptr<Listener> listener_;
};

}  // namespace partyline::rtp
