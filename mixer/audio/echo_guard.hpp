// EchoGuard: finds a leg that returns what we sent it (a speakerphone, a hybrid, a loop at the far end) by correlating
// the loudness of both ways over the last seconds at every delay up to 1.28 s, and tells how far to turn it down: by 40
// dB while what comes is no louder than the echo that is expected, not at all when the member himself speaks over it.
//
//   sent level      ▁▂▇▅▁▁▃▇▆▁▁      correlation at the best delay > 0.9 for a second: echo
//   received level  ▁▁▁▂▆▄▁▁▂▆▅      < 0.6 for two: none any more
//
// Loudness, not waveform: codecs and phones change the waveform. A steady tone has no changes to compare and is never
// taken for an echo. Pure logic, one update a tick (20 ms); levels are dBov.
#pragma once

#include <array>
#include <cstddef>

#include "core/time.hpp"

namespace partyline::mixer {

class EchoGuard {
 public:
  void update(double sent, double received);
  bool echoing() const { return echoing_; }
  /// Factor for what came in this tick.
  float gain() const { return suppress_ ? kSuppressed : 1.0F; }
  /// Of the echo, when there is one.
  core::Duration delay() const;
  void reset() { *this = EchoGuard{}; }

 private:
  static constexpr size_t kDelays = 64;  // ticks
  static constexpr float kSuppressed = 0.01F;
  static constexpr float kQuietest = -60;  // dBov: below is silence, which is equal to silence

  static constexpr size_t kJudgeEvery = 10;               // ticks
  static constexpr size_t kKept = kDelays + kJudgeEvery;  // of what was sent

  static constexpr std::array<float, 2 * kKept> silence() {
    std::array<float, 2 * kKept> levels{};
    levels.fill(kQuietest);
    return levels;
  }
  void catch_up();
  void learn(const float* ago, float came);
  void judge();

  // What each tick needs lies side by side. The statistics of all delays are brought up to date when somebody looks:
  // once a judgement, and in each tick only while there is an echo. A thousand legs' do not fit into the caches.
  size_t newest_ = 0;
  size_t waiting_ = 0;  // ticks not yet learnt from
  bool echoing_ = false, suppress_ = false;
  size_t delay_ = 0;
  std::array<float, kJudgeEvery> came_then_{};                // in those ticks, oldest first
  std::array<float, 2 * kKept> sent_ = silence();             // twice, so that the newest kKept lie side by side
  std::array<float, kDelays> mean_{}, square_{}, product_{};  // of what was sent so many ticks ago, and with what came
  float came_ = 0, came_square_ = 0;
  float onsets_ = 0;  // of what was sent, fading
  int ticks_ = 0;
  int likely_ = 0, unlikely_ = 0;  // judgements in a row
};

}  // namespace partyline::mixer
