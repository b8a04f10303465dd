#include "rtp/voice_quality.hpp"

#include <algorithm>
#include <chrono>

namespace partyline::rtp {
namespace {

constexpr core::Duration kEncoderAndPacket = std::chrono::milliseconds(25);  // about

// Ie (impairment of the codec itself) and Bpl (robustness to random loss), G.113 Appendix I.
struct Impairment {
  double codec, robustness;
};

Impairment impairment_of(core::Codec codec) {
  switch (codec) {
    case core::Codec::pcmu:
    case core::Codec::pcma:
      return {0, 25.1};  // with concealment
    case core::Codec::g722:
      return {0, 13};
    default:
      return {0, 20};
  }
}

}  // namespace

double transmission_rating(core::Codec codec, double lost, core::Duration delay) {
  const auto [ie, bpl] = impairment_of(codec);
  const double loss = std::clamp(lost, 0.0, 1.0) * 100;
  const double effective = ie + (95 - ie) * loss / (loss + bpl);  // G.107 §7.5, random loss
  const double ms = std::chrono::duration<double, std::milli>(delay).count();
  const double late = 0.024 * ms + (ms > 177.3 ? 0.11 * (ms - 177.3) : 0);  // Id without echo
  return std::clamp(93.2 - late - effective, 0.0, 100.0);
}

core::Duration mouth_to_ear(core::Duration round_trip, core::Duration playout) {
  return kEncoderAndPacket + round_trip / 2 + playout;
}

double opinion_score(double rating) {
  return std::clamp(1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6, 1.0, 4.5);
}

}  // namespace partyline::rtp
