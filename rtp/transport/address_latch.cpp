#include "rtp/transport/address_latch.hpp"

namespace partyline::rtp {

bool AddressLatch::receive(const Endpoint& from, uint32_t ssrc, core::TimePoint now) {
  if (from == current_) {
    last_heard_ = now;
    streak_ = 0;
    if (heard_ < kProbation && ++heard_ == kProbation) latched_ = true;
    return true;
  }
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

std::optional<AddressLatch::Endpoint> AddressLatch::target() const {
  if (signalled_.port() == 0 || signalled_.address().is_unspecified()) return std::nullopt;
  return current_;
}

}  // namespace partyline::rtp
