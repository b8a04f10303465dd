#include "gateway/room_output.hpp"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <mutex>
#include <utility>

#include "gateway/event_bus.hpp"
#include "gateway/outputs/output_url.hpp"
#include "gateway/reaper.hpp"

namespace partyline::gateway {

// The output's wish for a keyframe, from its own thread to the mixer; deaf once the output is gone.
class RoomOutput::KeyframeWish final : public core::MediaFeedback {
 public:
  KeyframeWish(mixer::RoomMixer& mixer, mixer::OutputId output) : mixer_(&mixer), output_(output) {}
  void request_keyframe() override {
    const std::lock_guard lock(mutex_);
    if (mixer_) mixer_->request_keyframe(output_);
  }
  void set_target_bitrate(core::Bitrate) override {}
  void retire() {
    const std::lock_guard lock(mutex_);
    mixer_ = nullptr;
  }

 private:
  std::mutex mutex_;  // the mixer must not go away under a wish; never held on a media path
  mixer::RoomMixer* mixer_;
  mixer::OutputId output_;
};

LiveOutput::OnChange tell_output_state(const Services& services, const std::string& room, const std::string& id) {
  return [events = services.events, room, id, told = std::optional<OutputState>(),
          files = size_t{0}](const OutputStatus& status) mutable {
    // First: who collects the files of an output that has stopped knows them all by then.
    for (; files < status.files.size(); ++files)
      events->publish("output.file", {{"room", room}, {"output", id}, {"file", status.files[files]}});
    if (std::exchange(told, status.state) != status.state)
      events->publish("output.state",
                      {{"room", room}, {"output", id}, {"state", to_string(status.state)}, {"error", status.error}});
  };
}

core::Result<> RoomOutput::check_url(const Services& services, const std::string& url) {
  auto target = parse_output_url(url, services.config->recording.directory);
  return target ? core::Result<>{} : core::Result<>(target.error());
}

core::Result<std::unique_ptr<RoomOutput>> RoomOutput::create(const Services& services, const std::string& room,
                                                             std::string id, const std::string& url,
                                                             mixer::RoomMixer& mixer, mixer::VideoRendition picture) {
  std::unique_ptr<RoomOutput> output(new RoomOutput(services, std::move(id), mixer));
  LiveOutputConfig config;
  config.url = url;
  config.file_directory = services.config->recording.directory;
  config.muxer.frames_per_second = picture.frames_per_second;
  config.muxer.video_bitrate = picture.bitrate;
  config.log_context = fmt::format("room={} output={}", room, output->id_);
  mixer::AudioFormat sound;
  sound.codec = core::Codec::aac;
  sound.channels = 2;
  sound.bitrate = config.muxer.audio_bitrate;
  auto live = LiveOutput::create(std::move(config), services.executor, tell_output_state(services, room, output->id_));
  if (!live) return live.error();
  output->live_ = std::move(*live);
  auto audio = mixer.add_audio_output(sound, output->live_->audio_sink());
  if (!audio) return audio.error().with_context("sound");
  output->audio_ = *audio;
  // Files and FLV say the size once, at their start.
  auto video = mixer.add_video_output(picture, output->live_->video_sink(), {.hold_size = true});
  if (!video) return video.error().with_context("picture");
  output->video_ = *video;
  output->wish_ = std::make_shared<KeyframeWish>(mixer, *video);
  output->live_->set_feedback(output->wish_);
  return output;
}

RoomOutput::~RoomOutput() {
  if (wish_) wish_->retire();
  if (audio_) mixer_.remove_output(*audio_);
  if (video_) mixer_.remove_output(*video_);
  if (!live_) return;
  live_->stop();
  services_.reaper->bury(std::shared_ptr<LiveOutput>(std::move(live_)));
}

boost::json::object RoomOutput::describe() const {
  return describe_output(*live_, id_);
}

boost::json::object describe_output(const LiveOutput& output, const std::string& id) {
  const OutputStatus status = output.status();
  const auto now = core::Clock::now();
  boost::json::object out{{"id", id},
                          {"url", output.shown_url()},
                          {"state", to_string(status.state)},
                          {"since", timestamp_before(now - status.since)},
                          {"error", nullptr},
                          {"frames", status.frames},
                          {"bytes", status.bytes},
                          {"dropped", status.dropped},
                          {"reconnects", status.reconnects}};
  if (!status.error.empty()) out["error"] = status.error;
  if (!status.files.empty()) out["file"] = status.files.back();
  if (!status.files.empty()) out["files"] = boost::json::array(status.files.begin(), status.files.end());
  return out;
}

}  // namespace partyline::gateway
