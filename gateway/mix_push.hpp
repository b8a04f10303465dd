// The room's mix as a stream in the SFU, pushed by WHIP: "mix" for everybody, "mix~NAME" for NAME, who does not hear
// himself. All pushes of a room share one video encode; the audio of silent listeners is shared, too. A push goes
// either in the one rendition of the ladder that the SFU has a use for, or (simulcast) in all of them that it does not
// refuse. Thread: network.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/adaptive_picture.hpp"
#include "gateway/services.hpp"
#include "mixer/room_mixer.hpp"
#include "rtp/link_journal.hpp"
#include "whip_client/peer.hpp"

namespace partyline::gateway {

class MixPush final : private whip_client::PeerEvents {
 public:
  /// `publish_mark` is added to the URL's query, so that the hook knows our own publication from a stranger's.
  MixPush(const Services& services, std::string room, std::string stream, std::string publish_mark,
          mixer::RoomMixer& mixer, mixer::VideoRendition picture);
  ~MixPush() override;

  /// Takes the mix minus `listener`, or the whole mix when null. Call with null before the member goes away.
  void listen_as(mixer::Member* listener);
  /// False: somebody who would tell says that nobody plays it, so it carries nothing meanwhile.
  void set_watched(bool watched);
  const mixer::Member* listener() const { return listener_; }
  const std::string& stream() const { return stream_; }
  whip_client::PeerState state() const { return peer_->state(); }
  rtp::SessionStats stats() const { return peer_->stats(); }
  rtp::LinkJournal::Rates rates() const { return journal_.rates(); }
  /// About once a second.
  void check(core::TimePoint now);
  const AdaptivePicture& picture() const { return *adaptive_; }
  /// Of simulcast, as agreed, largest first; nothing without. `rendition` is empty while the SFU needs it not.
  struct Layer {
    std::string rid;
    std::optional<mixer::VideoRendition> rendition;
    core::Bitrate target;  ///< of its encoder
  };
  std::vector<Layer> layers() const;

 private:
  void on_peer_state(whip_client::PeerState state, const std::string& why) override;
  void on_frame(const core::EncodedFrame&) override {}
  void on_keyframe_request() override;
  void on_target_bitrate(core::Bitrate target) override;
  void on_layer_keyframe_request(size_t layer) override;
  void on_layer_target(size_t layer, core::Bitrate target) override;
  bool offers_simulcast() const;
  void set_layers(size_t count);
  void start_pictures();
  void start(AdaptivePicture& picture, std::vector<mixer::VideoRendition> steps);
  core::Bitrate audio_bitrate() const;
  bool stereo() const;
  void detach();
  void attach();
  mixer::AudioFormat audio_format() const;
  void add_audio();

  const Services& services_;
  std::string room_, stream_;
  mixer::RoomMixer& mixer_;
  mixer::Member* listener_ = nullptr;
  mixer::VideoRendition picture_;
  bool watched_ = false;
  std::optional<mixer::OutputId> audio_;
  int expected_loss_ = 0;  ///< per cent; what audio_ is prepared for
  const std::vector<mixer::VideoRendition> steps_;
  std::shared_ptr<AdaptivePicture> adaptive_;
  bool whole_wanted_ = true;             ///< of simulcast, the first layer
  std::optional<core::Bitrate> target_;  ///< of the connection, last told
  struct Lower {
    std::shared_ptr<AdaptivePicture> picture;
    bool wanted = true;
    std::optional<core::Bitrate> target{};
  };
  std::vector<Lower> lower_;  ///< of simulcast, the others
  rtp::LinkJournal journal_{"SFU", "gateway", core::Clock::now()};
  std::shared_ptr<whip_client::Peer> peer_;
};

}  // namespace partyline::gateway
