#include "rtp/bandwidth/report_jitter.hpp"

#include <algorithm>

namespace partyline::rtp {
namespace {

using namespace std::chrono_literals;
constexpr core::Duration kAgreed = 120s, kTrusted = 60s, kDoubted = 300s;
constexpr double kTellingMs = 1.5, kClearMs = 1, kLeastAgreed = 0.6, kMuchWider = 2.5;
constexpr double kOfLine = 0.95;    // that the picture gets beside lower headers
constexpr double kNearLimit = 0.9;  // × the limit: what is sent where it is too much to try it
constexpr int kTellings = 3;
// Where what got through was less: others had a share of it, or it was the first look.
constexpr double kOfShare = 0.85;

}  // namespace

ReportJitter::Word ReportJitter::on_report(double jitter_ms, std::optional<double>& limit, double through,
                                           core::TimePoint now) {
  carries_ = 0;
  if (jitter_ms <= 0) return Word::nothing;  // not computed
  const double carries = dispersion_.rate_of(jitter_ms);
  Word word = Word::nothing;
  if (limit && carries < kMuchWider * *limit) {
    const double wide = dispersion_.jitter_at(4 * *limit);
    if (jitter_ms < 2 * wide || jitter_ms - wide < kTellingMs) return word;  // single packets: they tell nothing
    word = Word::narrow;
    agreed_until_ = now + kAgreed;
    told_ = narrow_++ == 0 ? carries : std::min(told_, carries);
    if (carries > kLeastAgreed * *limit) limit = std::min(*limit, std::max(kOfLine * carries, through / kNearLimit));
    if (narrow_ >= kTellings) limit = std::max(*limit, kOfShare * told_);
  } else if (limit) {
    const double narrow = dispersion_.jitter_at(1.5 * *limit);
    if (narrow < 2 * jitter_ms || narrow - jitter_ms < kClearMs) return word;
    // Who never said that it was narrow has to say twice that it is wide.
    if (now >= agreed_until_ && (now < doubted_until_ || ++wide_ < 2)) return word;
    word = Word::wide;
    trusted_until_ = now + kTrusted;
  }
  if (now < trusted_until_) carries_ = carries;
  return word;
}

void ReportJitter::on_limit(core::TimePoint now) {
  narrow_ = wide_ = 0;
  if (now < trusted_until_) doubted_until_ = now + kDoubted;
  trusted_until_ = {};
  carries_ = 0;
}

}  // namespace partyline::rtp
