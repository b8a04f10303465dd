// What tests of outputs share. They run a real thread against real programs (ffmpeg, nginx), so they wait in real time,
// and only here: for a condition, which a busy machine may take long to bring about. Their program is
// output_peers_tests.
#pragma once

#include <atomic>
#include <thread>

#include "core/frame.hpp"
#include "core/time.hpp"

namespace partyline::gateway {

class Wishes final : public core::MediaFeedback {
 public:
  void request_keyframe() override { ++keyframes; }
  void set_target_bitrate(core::Bitrate) override {}
  std::atomic<int> keyframes{0};
};

template <class Condition>
bool eventually(core::Duration time, Condition condition) {
  const auto end = core::Clock::now() + time;
  while (core::Clock::now() < end) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace partyline::gateway
