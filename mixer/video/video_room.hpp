// One conference's picture: takes the members' encoded video, composes it on a canvas and hands encoded renditions to
// sinks. The glue around VideoCore: it owns the frame timer (absolute schedule, one strand a room on the shared pool)
// and the decoders' strands. It ticks and decodes only while it has outputs.
//
//   push ─▶ VideoSource (own strand: decode, picture queue) ─┐
//                                                            ├─▶ tick: select, compose ─▶ encode jobs ─▶ FrameSinks
//   set_speech, set_name … ─▶ room strand ───────────────────┘
//
// Thread: every method from any thread. Sinks and feedback are called on pool threads and must not block. Call stop()
// before the last reference goes and before the pool is joined. Deliberately not here: audio, RTP, who may join.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/frame.hpp"
#include "core/result.hpp"
#include "core/time.hpp"
#include "mixer/room_mixer.hpp"
#include "mixer/speech.hpp"

namespace partyline::mixer {

class WorkerPool;
struct Economy;

struct VideoMemberStats {
  uint64_t frames_decoded = 0;  ///< pictures that came out of the decoder whole
  uint64_t decode_errors = 0;
  uint64_t frames_dropped = 0;  ///< undecodable without a keyframe, overflow, superseded before a tick came
  uint64_t keyframe_requests = 0;
  core::VideoSize size;            ///< of the last decoded picture
  core::TimePoint last_picture{};  ///< when it was decoded
  uint64_t freezes = 0, frozen_ms = 0;
};

struct VideoStats {
  int tiles = 0, outputs = 0, encoders = 0;
  int passed = 0;  ///< outputs that get a member's pictures as they are
  uint64_t ticks = 0;
  uint64_t ticks_late = 0;  ///< skipped because the one before was still being encoded
  uint64_t frames_encoded = 0;
  uint64_t keyframes_encoded = 0;
  bool ticking = false;
  std::map<uint64_t, VideoMemberStats> members;
};

/// What the governor looks at.
struct VideoProgress {
  uint64_t ticks = 0, ticks_late = 0;
  int64_t spent_ns = 0;  ///< of the pool's time
};

class VideoRoom {
 public:
  static std::shared_ptr<VideoRoom> create(WorkerPool& pool, const RoomConfig& room, const EngineConfig& engine);
  ~VideoRoom();
  VideoRoom(const VideoRoom&) = delete;
  VideoRoom& operator=(const VideoRoom&) = delete;

  void add_tile(uint64_t member, const std::string& name, bool visible);
  void remove_tile(uint64_t member);
  /// Never blocks; bounded: a source that outruns its decoder is dropped up to its next keyframe.
  void push(uint64_t member, const core::EncodedFrame& frame);

  /// See Member::note_video_packets.
  void note_packets(uint64_t member, core::TimePoint last);

  void set_name(uint64_t member, const std::string& name);
  void set_video_expected(uint64_t member, bool expected);  ///< false: a name tile, nothing is decoded
  void set_video_muted(uint64_t member, bool muted);        ///< the same, by somebody's wish
  void set_pinned(uint64_t member, bool pinned);
  void set_presenting(uint64_t member, bool presenting);
  void set_audio_muted(uint64_t member, bool muted);  ///< by an operator: draws the icon
  void set_self_muted(uint64_t member, bool muted);   ///< by himself: the same icon
  void set_feedback(uint64_t member, std::shared_ptr<core::MediaFeedback> feedback);
  void set_speech(uint64_t member, Speech speech);
  /// Audio's present delay from capture to being heard: a picture captured at c is shown from c + delay on, and half a
  /// frame earlier, so that the error is centred.
  void set_playout_delay(uint64_t member, core::Duration delay);

  core::Result<> add_output(OutputId id, VideoRendition rendition, std::shared_ptr<core::FrameSink> sink,
                            VideoOutputTraits traits = {});
  void remove_output(OutputId id);     ///< the sink is not called after it returns
  void request_keyframe(OutputId id);  ///< merged to one per 500 ms an encoder, never lost
  /// Before outputs come: allow_pass_through() works. `on_mixing` is told on the pool whenever it begins or ends that
  /// pictures are mixed.
  void pass_through(std::function<void(bool)> on_mixing);
  /// `viewer`: the member that looks at it; nobody: somebody outside.
  void allow_pass_through(OutputId id, std::optional<uint64_t> viewer, PassLimits limits);
  void set_economy(const Economy& economy);
  /// What the way to this output's receiver carries: its encoder follows the slowest, down to half the rendition's
  /// rate.
  void set_output_target(OutputId id, core::Bitrate target);
  core::Result<> set_layout(std::string layout);
  void stop();  ///< no sink is called after it returns; idempotent
  VideoStats stats() const;
  VideoProgress progress() const;
  /// All zero for a member that has no picture.
  VideoMemberStats member_stats(uint64_t member) const;

 private:
  struct Impl;
  explicit VideoRoom(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace partyline::mixer
