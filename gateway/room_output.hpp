// A live output of a room: wires the mix to a LiveOutput and tells the world how it is doing. Thread: network.
#pragma once

#include <boost/json/object.hpp>
#include <memory>
#include <optional>
#include <string>

#include "gateway/outputs/live_output.hpp"
#include "gateway/services.hpp"
#include "mixer/room_mixer.hpp"

namespace partyline::gateway {

boost::json::object describe_output(const LiveOutput& output, const std::string& id);
/// What publishes the events output.state and output.file; it may outlive the output.
LiveOutput::OnChange tell_output_state(const Services& services, const std::string& room, const std::string& id);

class RoomOutput {
 public:
  /// Starts at once; a target that cannot be reached is tried again and again. An error is about the URL.
  static core::Result<std::unique_ptr<RoomOutput>> create(const Services& services, const std::string& room,
                                                          std::string id, const std::string& url,
                                                          mixer::RoomMixer& mixer, mixer::VideoRendition picture);
  ~RoomOutput();
  /// Whether a room may have such an output at all; says what is wrong.
  static core::Result<> check_url(const Services& services, const std::string& url);
  boost::json::object describe() const;

 private:
  class KeyframeWish;
  RoomOutput(const Services& services, std::string id, mixer::RoomMixer& mixer)
      : services_(services), id_(std::move(id)), mixer_(mixer) {}

  const Services& services_;
  std::string id_;
  mixer::RoomMixer& mixer_;
  std::shared_ptr<KeyframeWish> wish_;
  std::unique_ptr<LiveOutput> live_;
  std::optional<mixer::OutputId> audio_, video_;
};

}  // namespace partyline::gateway
