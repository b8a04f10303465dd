#include "gateway/certificate_rotation.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <set>

namespace partyline::gateway {
namespace {

using namespace std::chrono_literals;

TEST(CertificateRotation, EachPeriodBringsAnotherCertificateUntilItIsStopped) {
  boost::asio::io_context io;
  std::set<std::string> fingerprints;
  CertificateRotation* self = nullptr;
  CertificateRotation rotation(
      io.get_executor(),
      [&](CertificateRotation::Identity next) {
        fingerprints.insert(next->fingerprint());
        if (fingerprints.size() == 4) self->stop();
      },
      1ms);
  self = &rotation;
  const auto first = rotation.start();
  ASSERT_TRUE(first);
  fingerprints.insert((*first)->fingerprint());
  while (fingerprints.size() < 4) ASSERT_EQ(io.run_one_for(10s), 1u);
  EXPECT_EQ(fingerprints.size(), 4u);
}

TEST(CertificateRotation, LeavesAWholePeriodBeforeTheOldOneExpires) {
  EXPECT_LE(2 * CertificateRotation::kPeriod, core::Duration(rtp::DtlsIdentity::kLifetime));
}

}  // namespace
}  // namespace partyline::gateway
