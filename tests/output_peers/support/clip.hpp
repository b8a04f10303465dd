// A second of the mix, as the mixer's encoders make it: constrained baseline H.264 with a keyframe each half second and
// AAC-LC of 48 kHz stereo; and a thread that plays it round and round into sinks in real time.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "core/frame.hpp"

namespace partyline::gateway {

struct Clip {
  core::Duration length{};
  std::vector<core::EncodedFrame> frames;  ///< in order of capture, which counts from the epoch
};

/// Made by ffmpeg; nothing when there is none.
std::optional<Clip> make_clip();

/// The clip's frames for its n-th round, captures counting from `zero`.
std::vector<core::EncodedFrame> round_of(const Clip& clip, int64_t n, core::TimePoint zero);

class ClipPlayer {
 public:
  /// `filler`: bytes of filler data added to each picture, to press on a connection.
  ClipPlayer(Clip clip, std::shared_ptr<core::FrameSink> audio, std::shared_ptr<core::FrameSink> video,
             size_t filler = 0);
  ~ClipPlayer();
  core::Duration longest_push() const { return core::Duration(longest_push_.load()); }

 private:
  void run();

  Clip clip_;
  std::shared_ptr<core::FrameSink> audio_, video_;
  size_t filler_;
  std::atomic<bool> stop_{false};
  std::atomic<core::Duration::rep> longest_push_{0};
  std::thread thread_;
};

}  // namespace partyline::gateway
