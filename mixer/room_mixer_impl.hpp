// The glue behind room_mixer.hpp: one AudioRoom and one VideoRoom under one roof, on the engine's threads.
// Thread: as room_mixer.hpp says. Decides nothing.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/mailbox.hpp"
#include "mixer/audio/audio_room.hpp"
#include "mixer/audio/audio_thread.hpp"
#include "mixer/engine_governor.hpp"
#include "mixer/room_mixer.hpp"
#include "mixer/video/video_room.hpp"
#include "mixer/worker_pool.hpp"

namespace partyline::mixer {

struct EngineParts {
  explicit EngineParts(EngineConfig engine_config)
      : config(std::move(engine_config)),
        pool(config.worker_threads),
        audio(pool.executor(kLeisure)),
        governor(std::make_shared<EngineGovernor>(pool, config.governor)) {
    governor->start();
  }
  ~EngineParts() { governor->stop(); }
  EngineParts(const EngineParts&) = delete;
  EngineParts& operator=(const EngineParts&) = delete;
  const EngineConfig config;
  WorkerPool pool;  // outlives the audio thread, which leaves what it is done with to it
  AudioThread audio;
  const std::shared_ptr<EngineGovernor> governor;
};

/// What audio finds out and video needs to know, carried from the audio tick to the pool in order. The mailbox takes no
/// memory and no lock of Asio's, which the pool's threads hold while they may not be running.
class SpeechRelay final : public AudioRoomObserver {
 public:
  SpeechRelay(const boost::asio::any_io_executor& pool, std::shared_ptr<VideoRoom> video);
  void on_speech(uint64_t member, Speech speech) override;
  void on_playout_delay(uint64_t member, core::Duration delay) override;
  void on_self_muted(uint64_t member, bool muted) override;

 private:
  struct Note {
    uint64_t member = 0;
    std::optional<Speech> speech;
    std::optional<core::Duration> delay;
    std::optional<bool> self_muted;
  };
  std::shared_ptr<core::Mailbox<Note>> notes_;
};

/// What a room and its members share; lives as long as the last of them.
struct RoomParts {
  std::shared_ptr<EngineParts> engine;
  std::shared_ptr<VideoRoom> video;
  std::shared_ptr<SpeechRelay> relay;
  std::shared_ptr<AudioRoom> audio;
  std::atomic<uint64_t> next_member{1};
  std::atomic<OutputId> next_output{1};
  std::atomic<int> members{0};

  void remove_output(OutputId output);
};

class MemberImpl final : public Member {
 public:
  MemberImpl(std::shared_ptr<RoomParts> room, const MemberConfig& config);
  ~MemberImpl() override;

  core::FrameSink& audio_input() override { return audio_input_; }
  core::FrameSink& video_input() override { return video_input_; }
  void set_video_feedback(std::shared_ptr<core::MediaFeedback> feedback) override;
  void note_video_packets(core::TimePoint last) override;
  void set_name(std::string name) override;
  void set_video_expected(bool expected) override;
  void set_muted(bool muted) override;
  void set_own_sound(OwnSound known) override { source_->set_own_sound(known); }
  void set_video_muted(bool muted) override;
  void set_gain_db(double gain) override;
  void set_unheard_by(uint64_t member) override { room_->audio->set_unheard_by(id_, member); }
  void set_voice_processing(const VoiceProcessing& wanted) override;
  void set_pinned(bool pinned) override;
  core::Result<OutputId> add_audio_output(AudioFormat format, std::shared_ptr<core::FrameSink> sink) override;
  core::Result<OutputId> add_video_output(VideoRendition rendition, std::shared_ptr<core::FrameSink> sink) override;
  void remove_output(OutputId output) override;
  MemberStats stats() const override;
  uint64_t id() const override { return id_; }

 private:
  class AudioInput final : public core::FrameSink, public core::Footprinted {
   public:
    AudioInput(AudioRoom& room, std::shared_ptr<AudioSource> source) : room_(room), source_(std::move(source)) {}
    void push(const core::EncodedFrame& frame) override { room_.push(*source_, frame); }
    void add_footprint(core::Footprint& footprint) const override {
      footprint.add(*this);
      source_->add_footprint(footprint);
    }

   private:
    AudioRoom& room_;
    const std::shared_ptr<AudioSource> source_;
  };
  class VideoInput final : public core::FrameSink {
   public:
    VideoInput(VideoRoom& room, uint64_t member) : room_(room), member_(member) {}
    void push(const core::EncodedFrame& frame) override { room_.push(member_, frame); }

   private:
    VideoRoom& room_;
    const uint64_t member_;
  };

  const std::shared_ptr<RoomParts> room_;
  const uint64_t id_;
  std::shared_ptr<AudioSource> source_;
  AudioInput audio_input_;
  VideoInput video_input_;
  std::mutex mutex_;
  std::vector<OutputId> outputs_;
};

class RoomMixerImpl final : public RoomMixer {
 public:
  RoomMixerImpl(std::shared_ptr<EngineParts> engine, const RoomConfig& config);
  ~RoomMixerImpl() override;

  std::unique_ptr<Member> add_member(MemberConfig config) override;
  core::Result<OutputId> add_audio_output(AudioFormat format, std::shared_ptr<core::FrameSink> sink) override;
  core::Result<OutputId> add_video_output(VideoRendition rendition, std::shared_ptr<core::FrameSink> sink,
                                          VideoOutputTraits traits) override;
  void remove_output(OutputId output) override { room_->remove_output(output); }
  void request_keyframe(OutputId output) override { room_->video->request_keyframe(output); }
  void allow_pass_through(OutputId output, const Member* viewer, PassLimits limits) override;
  void set_output_target(OutputId output, core::Bitrate target) override {
    room_->video->set_output_target(output, target);
  }
  core::Result<> set_audio_format(OutputId output, AudioFormat format) override {
    return room_->audio->set_format(output, format);
  }
  core::Result<> set_layout(std::string layout) override { return room_->video->set_layout(std::move(layout)); }
  void play(Tone tone) override { room_->audio->play(tone); }
  RoomStats stats() const override;

 private:
  std::shared_ptr<RoomParts> room_;
};

}  // namespace partyline::mixer
