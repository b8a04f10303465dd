#include "mixer/room_mixer_impl.hpp"

namespace partyline::mixer {

struct Engine::Impl {
  std::shared_ptr<EngineParts> parts;
};

Engine::Engine(EngineConfig config)
    : impl_(std::make_shared<Impl>(Impl{std::make_shared<EngineParts>(std::move(config))})) {}

Engine::~Engine() = default;

std::unique_ptr<RoomMixer> Engine::create_room(RoomConfig config) {
  return std::make_unique<RoomMixerImpl>(impl_->parts, config);
}

EngineLoad Engine::load() const {
  EngineLoad load = impl_->parts->governor->load();
  load.audio_ticked = impl_->parts->audio.last_tick();
  return load;
}

}  // namespace partyline::mixer
