// A room's mixer that mixes nothing and keeps book of its video outputs.
#pragma once

#include <map>
#include <memory>

#include "mixer/room_mixer.hpp"

namespace partyline::gateway {

class OutputBook final : public mixer::RoomMixer {
 public:
  struct Output {
    mixer::VideoRendition rendition;
    mixer::VideoOutputTraits traits;
    std::shared_ptr<core::FrameSink> sink;
    core::Bitrate target{};  ///< last told
    int targets = 0, keyframes = 0;
    bool may_pass = false;
  };
  std::map<mixer::OutputId, Output> outputs;
  bool full = false;  ///< takes none more

  std::unique_ptr<mixer::Member> add_member(mixer::MemberConfig) override { return nullptr; }
  core::Result<mixer::OutputId> add_audio_output(mixer::AudioFormat, std::shared_ptr<core::FrameSink>) override {
    return core::make_error(core::ErrorCode::unsupported, "no sound here");
  }
  core::Result<mixer::OutputId> add_video_output(mixer::VideoRendition rendition, std::shared_ptr<core::FrameSink> sink,
                                                 mixer::VideoOutputTraits traits) override {
    if (full) return core::make_error(core::ErrorCode::limit, "full");
    outputs[++last_] = {rendition, traits, std::move(sink)};
    return last_;
  }
  void remove_output(mixer::OutputId output) override { outputs.erase(output); }
  void request_keyframe(mixer::OutputId id) override { ++outputs.at(id).keyframes; }
  void allow_pass_through(mixer::OutputId id, const mixer::Member*, mixer::PassLimits) override {
    outputs.at(id).may_pass = true;
  }
  void set_output_target(mixer::OutputId id, core::Bitrate target) override {
    outputs.at(id).target = target;
    ++outputs.at(id).targets;
  }
  core::Result<> set_audio_format(mixer::OutputId, mixer::AudioFormat) override { return {}; }
  core::Result<> set_layout(std::string) override { return {}; }
  void play(mixer::Tone) override {}
  mixer::RoomStats stats() const override { return {}; }

 private:
  mixer::OutputId last_ = 0;
};

}  // namespace partyline::gateway
