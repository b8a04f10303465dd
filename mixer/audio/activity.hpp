// Activity: whether a member's sound belongs in the mix now, and whether somebody would say "she is speaking".
//
//   level ─▶ over the noise gate?  ─▶ contributes (held for 1 s)
//         ─▶ over the talk level for 3 of 5 ticks ─▶ speaking (until 600 ms below)
//                                     25 of 50     ─▶ for more than a cough
//
// The gate follows the member's noise floor but never rises above -45 dBov: a steady tone is not noise. Pure logic, one
// update a tick. Deliberately not a speech classifier.
#pragma once

#include <cstdint>

#include "mixer/speech.hpp"

namespace partyline::mixer {

class Activity {
 public:
  void update(double level_dbov);
  void reset() { *this = Activity{}; }
  bool contributes() const { return hold_ > 0; }
  bool speaking() const { return speech_ != Speech::none; }
  Speech speech() const { return speech_; }
  double noise_floor() const { return floor_; }
  double gate() const;  ///< dBov: what is louder contributes

 private:
  double floor_ = -80;
  int hold_ = 0;       // ticks
  uint64_t loud_ = 0;  // one bit a tick
  int quiet_ = 0;      // ticks
  Speech speech_ = Speech::none;
};

}  // namespace partyline::mixer
