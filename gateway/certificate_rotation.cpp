#include "gateway/certificate_rotation.hpp"

#include "core/log.hpp"

namespace partyline::gateway {

core::Result<CertificateRotation::Identity> CertificateRotation::start() {
  auto first = rtp::DtlsIdentity::generate();
  if (first) wait();
  return first;
}

void CertificateRotation::wait() {
  timer_.expires_after(period_);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    if (auto next = rtp::DtlsIdentity::generate()) {
      core::log_info("new DTLS certificate {} for new sessions", (*next)->fingerprint());
      use_(std::move(*next));
    } else {
      core::log_error("no new DTLS certificate: {}", next.error().message);
    }
    wait();
  });
}

}  // namespace partyline::gateway
