// Makes the DTLS certificate, and every `period` another one, long before the last expires. Sessions keep the one they
// began with. Thread: the executor.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>

#include "core/result.hpp"
#include "core/time.hpp"
#include "rtp/transport/dtls_identity.hpp"

namespace partyline::gateway {

class CertificateRotation {
 public:
  using Identity = std::shared_ptr<const rtp::DtlsIdentity>;
  static constexpr core::Duration kPeriod = rtp::DtlsIdentity::kLifetime / 2;

  /// `use` is called with each new certificate but the first.
  CertificateRotation(boost::asio::any_io_executor executor, std::function<void(Identity)> use,
                      core::Duration period = kPeriod)
      : timer_(std::move(executor)), use_(std::move(use)), period_(period) {}

  /// The first one; the others follow until stop() or destruction.
  core::Result<Identity> start();
  void stop() { timer_.cancel(); }

 private:
  void wait();

  boost::asio::steady_timer timer_;
  std::function<void(Identity)> use_;
  const core::Duration period_;
};

}  // namespace partyline::gateway
