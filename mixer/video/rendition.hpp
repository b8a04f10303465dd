// One encode of the canvas and the sinks that share it.
//
// Thread: the members of Rendition on the room's strand, EncodeJob::run on any pool thread (one job of a rendition at a
// time), OutputGate any.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "core/frame.hpp"
#include "core/time.hpp"
#include "mixer/codec/video_encoder.hpp"
#include "mixer/codec/video_picture.hpp"
#include "mixer/governor.hpp"
#include "mixer/room_mixer.hpp"
#include "mixer/video/keyframes.hpp"

namespace partyline::mixer {

/// A sink that can be shut: after shut() returns, the sink is not called. Recursive, so that a sink may remove itself.
class OutputGate {
 public:
  explicit OutputGate(std::shared_ptr<core::FrameSink> sink) : sink_(std::move(sink)) {}
  void push(const core::EncodedFrame& frame) {
    const std::lock_guard lock(mutex_);
    if (const std::shared_ptr<core::FrameSink> sink = sink_) sink->push(frame);
  }
  void shut() {
    std::shared_ptr<core::FrameSink> gone;  // its destructor runs without the lock
    const std::lock_guard lock(mutex_);
    gone.swap(sink_);
  }

 private:
  std::recursive_mutex mutex_;
  std::shared_ptr<core::FrameSink> sink_;
};

/// A size under overload: so many sixths of both sides, and even.
core::VideoSize shrunk(core::VideoSize size, int sixths);

/// Shared by the encoders of a room.
struct EncodeTotals {
  std::atomic<uint64_t> frames{0}, keyframes{0}, failures{0};
};

class Rendition;

/// What an encoder is opened for: the rendition, or less under overload.
struct EncodeSettings {
  VideoRendition what;
  EncoderEffort effort = EncoderEffort::usual;
  bool operator==(const EncodeSettings&) const = default;
};

/// One picture for one encoder; owns what it needs, so that it may outlive the room.
struct EncodeJob {
  std::shared_ptr<Rendition> rendition;
  I420Image picture;
  core::TimePoint capture;
  core::TimePoint origin;  ///< RTP time 0 of all the room's renditions: a receiver may change between them
  bool keyframe = false;
  std::vector<std::shared_ptr<OutputGate>> outputs;
  EncodeSettings settings;
  core::Bitrate bitrate;
  void run();
};

class Rendition {
 public:
  Rendition(VideoRendition what, int room_frames_per_second, std::shared_ptr<EncodeTotals> totals);

  /// What is encoded now.
  core::VideoSize size() const { return settings_.what.size; }
  /// `room_rate`: the room's frames a second with this economy. Takes effect with the next job, which opens the encoder
  /// anew if it must.
  void set_economy(const Economy& economy, int room_rate);
  void add(OutputId id, std::shared_ptr<OutputGate> gate);
  bool remove(OutputId id);  ///< true: it was here
  bool empty() const { return outputs_.empty(); }
  size_t output_count() const { return outputs_.size(); }
  bool has(OutputId id) const;
  void request_keyframe() { gate_.request(); }
  /// What the way to this output carries. The encoder follows the slowest of its outputs, within [half, all] of the
  /// rendition's bitrate.
  void set_target(OutputId id, core::Bitrate target);
  /// What the encoder aims at, with the economy.
  core::Bitrate bitrate() const;
  /// Whether this tick is one of this rendition's: room ticks are thinned evenly.
  bool wants_tick(uint64_t index) const;
  /// The canvas is the one of before, and its picture has been sent and made sharp: nothing is to be encoded but now
  /// and then a sign of life, and keyframes. Call once a tick that is wanted.
  bool may_skip(uint64_t canvas_version, core::TimePoint now);
  EncodeJob make_job(std::shared_ptr<Rendition> self, I420Image picture, core::TimePoint origin, core::TimePoint now);

 private:
  friend struct EncodeJob;
  EncodeSettings settings_under(const Economy& economy) const;
  void encode(const EncodeJob& job);

  const VideoRendition what_;
  int room_rate_;
  EncodeSettings settings_;
  std::shared_ptr<EncodeTotals> totals_;
  std::vector<std::pair<OutputId, std::shared_ptr<OutputGate>>> outputs_;
  std::vector<std::pair<OutputId, core::Bitrate>> targets_;
  KeyframeGate gate_;
  std::atomic<bool> failed_{false};
  uint64_t canvas_version_ = 0;  // of the last job
  int same_ = 0;                 // jobs since it changed, or since a keyframe
  core::TimePoint last_job_{};
  // The rest belongs to the running job.
  std::unique_ptr<VideoEncoder> encoder_;
  EncodeSettings opened_;
  bool broken_ = false;
  core::Bitrate bitrate_;  ///< the encoder's
};

}  // namespace partyline::mixer
