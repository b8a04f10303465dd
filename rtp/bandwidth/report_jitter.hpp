// ReportJitter: what the jitter in receiver reports says of a path whose limit is known (Dispersion has the rate of
// it):
//
//   far above that of a wide path, by 1.5 ms             ▶ narrow: the limit is as it was; believed from the first time
//   far below that of the narrow one, by 1 ms            ▶ wide: believed, for a minute, of a path that said narrow in
//                                                          the last two, else the second time
//   wide, and it was too much all the same               ▶ wide is not believed for five minutes
//
// Thread: owner's.
#pragma once

#include <cstddef>
#include <optional>

#include "core/time.hpp"
#include "rtp/bandwidth/dispersion.hpp"

namespace partyline::rtp {

class ReportJitter {
 public:
  enum class Word { nothing, narrow, wide };
  void on_sent(RtpTime32 time, size_t bytes, core::TimePoint now) { dispersion_.on_sent(time, bytes, now); }
  /// `limit`: what got through when it was too much, bits a second, if that is known. Where the path is narrow it is
  /// put right; `through`: what gets through now.
  Word on_report(double jitter_ms, std::optional<double>& limit, double through, core::TimePoint now);
  /// It was too much (again).
  void on_limit(core::TimePoint now);
  /// What a wide path carries, bits a second; 0: nobody knows.
  double carries() const { return carries_; }

 private:
  Dispersion dispersion_;
  core::TimePoint agreed_until_{}, trusted_until_{}, doubted_until_{};
  double carries_ = 0;
  double told_ = 0;  ///< the least that it told since the limit was found
  int narrow_ = 0, wide_ = 0;
};

}  // namespace partyline::rtp
