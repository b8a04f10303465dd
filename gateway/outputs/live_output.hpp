// LiveOutput: the mix of a room, broadcast to one URL (rtmp, rtmps, srt) or recorded to a file, for as long as the
// object lives: it connects, streams from a keyframe on, and when the other side refuses, stalls or goes away, waits
// and comes back.
//
//   mixer threads ─push─▶ FrameQueue ─▶ own thread: OutputIntake, OutputTimeline, Muxer (blocking) ─▶ network
//                 ◀────── keyframe wishes ────────┘        └── status ─▶ anybody, changes posted to the executor
//
// Nothing here ever blocks the mixer or an event loop: libavformat blocks, so it has a thread of its own with a
// deadline for each call. Wants H.264 as Annex B with SPS and PPS in each IDR, and AAC-LC of 48 kHz stereo in raw
// access units; or, `received`, what one leg sends, in any codec of a call (a Matroska file then). When a leg changes
// its codec, or its camera comes later than its voice, the file ends and another begins ("-2" …). Nothing is encoded or
// decoded. Deliberately not here: which rooms have outputs, and keeping them over a restart.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/frame.hpp"
#include "core/result.hpp"
#include "gateway/outputs/frame_queue.hpp"
#include "gateway/outputs/muxer.hpp"
#include "gateway/outputs/output_state.hpp"

namespace partyline::gateway {

struct LiveOutputConfig {
  std::string url;
  std::string file_directory;  ///< file: URLs are below it; empty: refused
  bool received = false;       ///< a leg's own frames instead of the mix
  MuxerConfig muxer;           ///< which kinds there are, TLS, deadlines
  FrameQueueLimits queue;
  OutputRetry retry;
  /// Connected, but the mixer sends none: give up. Of a leg: go on with its voice alone.
  core::Duration keyframe_deadline = std::chrono::seconds(10);
  std::string log_context;  ///< "room=… output=…", in front of each log line
};

struct OutputStatus {
  OutputState state = OutputState::connecting;
  core::TimePoint since;  ///< when this state began
  std::string error;      ///< the last failure in words; empty once live
  /// What was and is written to, as printable text, the newest last; of many, the newest. Empty: no file, or none yet.
  std::vector<std::string> files;
  uint64_t bytes = 0;    ///< written, payload only
  uint64_t frames = 0;   ///< written, pictures and frames of sound
  uint64_t dropped = 0;  ///< because the other side was too slow
  uint64_t reconnects = 0;
};

class LiveOutput {
 public:
  using OnChange = std::function<void(const OutputStatus& status)>;

  /// Checks the URL and starts. `on_change` (may be empty) runs on `executor` at each change of state, and when another
  /// file begins. `limit`: the system allows no more threads or descriptors.
  static core::Result<std::unique_ptr<LiveOutput>> create(LiveOutputConfig config,
                                                          boost::asio::any_io_executor executor, OnChange on_change);
  /// Says goodbye and waits for it, until a good second after stop() at most; then the thread is left to end by itself
  /// (name resolution cannot be interrupted). So outputs that were stopped together are waited for together.
  /// `on_change` is not called any more if this runs on the executor, but for `stopped`.
  ~LiveOutput();
  LiveOutput(const LiveOutput&) = delete;
  LiveOutput& operator=(const LiveOutput&) = delete;

  /// Begins to stop without waiting: then the state becomes `stopped`, and on_change says so. Thread: any.
  void stop();
  /// Where to push the mix. Any thread; they may outlive the output, and then swallow what they get.
  std::shared_ptr<core::FrameSink> audio_sink();
  std::shared_ptr<core::FrameSink> video_sink();
  /// Where to push all that a leg sends.
  std::shared_ptr<core::FrameSink> sink();
  /// Who makes keyframes; asked from the output's thread, at each (re)start and after drops.
  void set_feedback(std::shared_ptr<core::MediaFeedback> feedback);
  OutputStatus status() const;           ///< thread: any
  const std::string& shown_url() const;  ///< without secrets
 private:
  struct Shared;
  explicit LiveOutput(std::shared_ptr<Shared> shared);
  std::shared_ptr<Shared> shared_;
};

}  // namespace partyline::gateway
