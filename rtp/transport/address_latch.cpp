#include "rtp/transport/address_latch.hpp"

#include <algorithm>

#include "rtp/transport/host_addresses.hpp"

namespace partyline::rtp {
namespace {

using boost::asio::ip::address;

address host_of(const AddressLatch::Endpoint& endpoint) {
  return unmapped(endpoint).address();
}

bool is_private(const address& host) {
  if (host.is_unspecified() || host.is_loopback()) return true;
  if (host.is_v6()) {
    const auto bytes = host.to_v6().to_bytes();
    return host.to_v6().is_link_local() || (bytes[0] & 0xFE) == 0xFC;  // fc00::/7
  }
  const uint32_t bits = host.to_v4().to_uint();
  return bits >> 24 == 10 || bits >> 20 == 0xAC1 || bits >> 16 == 0xC0A8 ||  // 10/8, 172.16/12, 192.168/16
         bits >> 22 == 0x191 || bits >> 16 == 0xA9FE;                        // 100.64/10, 169.254/16
}

bool are_neighbours(const address& a, const address& b) {
  if (a.is_v4()) return a.to_v4().to_uint() >> 8 == b.to_v4().to_uint() >> 8;
  const auto x = a.to_v6().to_bytes(), y = b.to_v6().to_bytes();
  return std::equal(x.begin(), x.begin() + 8, y.begin());
}

}  // namespace

bool AddressLatch::may_take(const Endpoint& from) const {
  const address host = host_of(from), known = host_of(current_);
  if (host == known) return true;
  if (latched_) return false;
  if (host.is_v4() != known.is_v4() || is_private(known) || is_private(host)) return true;
  return are_neighbours(host, known);
}

bool AddressLatch::receive(const Endpoint& from, uint32_t ssrc, core::TimePoint now) {
  if (unmapped(from) == unmapped(current_)) {
    last_heard_ = now;
    streak_ = 0;
    if (heard_ < kProbation && ++heard_ == kProbation) latched_ = true;
    return true;
  }
  if (!may_take(from)) return false;
  const bool continues = streak_ > 0 && from == candidate_ && ssrc == candidate_ssrc_;
  streak_ = continues ? streak_ + 1 : 1;
  candidate_ = from;
  candidate_ssrc_ = ssrc;

  const bool silent = !last_heard_ || now - *last_heard_ >= kSilence;
  if (streak_ >= kProbation && (silent || !latched_)) {
    current_ = from;
    last_heard_ = now;
    latched_ = true;
    streak_ = 0;
    return true;
  }
  return silent;
}

bool AddressLatch::receive_rtcp(const Endpoint& from, bool muxed) {
  const address host = host_of(from);
  if (host == host_of(current_)) {
    latched_ = true;
    return true;
  }
  if (!may_take(from)) return false;
  reports_ = host == reporter_ ? reports_ + 1 : 1;
  reporter_ = host;
  if (reports_ < kProbation) return false;
  // Its port for RTP is known where both share one; else the SDP's is the best guess, as many NATs keep it.
  current_ = muxed ? from : Endpoint(from.address(), current_.port());
  latched_ = true;
  streak_ = 0;
  last_heard_.reset();
  return true;
}

std::optional<AddressLatch::Endpoint> AddressLatch::target() const {
  if (signalled_.port() == 0 || signalled_.address().is_unspecified()) return std::nullopt;
  return current_;
}

}  // namespace partyline::rtp
