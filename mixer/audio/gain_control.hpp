// GainControl: brings a member's speech to a common loudness, slowly: up by 5 dB a second, down by 20, while he speaks,
// within limits, and never so far up that his background is heard. What is near the common loudness is left alone.
//
// Pure logic, one update a tick (20 ms); levels are dBov.
#pragma once

namespace partyline::mixer {

class GainControl {
 public:
  static constexpr double kTarget = -21;                 ///< dBov, of speech without its pauses
  static constexpr double kMostUp = 15, kMostDown = 15;  ///< dB

  /// `level`: of this tick before any gain; `noise_floor`: of the member's pauses.
  void update(double level, double noise_floor, bool speaking);
  double gain_db() const { return gain_; }
  float factor() const { return factor_; }
  void reset() { *this = GainControl{}; }

 private:
  double speech_ = 0;  // mean power of speech, relative to full scale
  int heard_ = 0;      // ticks of speech in it
  bool moving_ = false;
  double gain_ = 0;  // dB
  float factor_ = 1;
};

}  // namespace partyline::mixer
