// WHIP publisher (RFC 9725) and WHEP subscriber (draft-ietf-wish-whep): one peer connection with a media server, kept
// alive.
//
// A peer is a story: POST the offer → ICE, DTLS → media → (silence, consent lost, 4xx, server restart) → DELETE →
// back-off → again, until stop(). A path that is lost is replaced by an ICE restart where the server knows PATCH. What
// to do next is decided by a pure state machine (retry_policy.hpp, resource_rules.hpp); the dialects of real servers
// (SRS' empty replies and unescaped Location, missing m-lines, no PATCH) are handled there. Thread: the executor;
// PeerEvents too. Frames for publishing may be pushed from any thread through `sink()`.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>
#include <vector>

#include "core/frame.hpp"
#include "core/result.hpp"
#include "rtp/session.hpp"
#include "rtp/transport/nice_transport.hpp"
#include "whip_client/simulcast.hpp"

namespace partyline::whip_client {

enum class PeerState { connecting, connected, waiting };  ///< waiting: between two attempts

struct PeerConfig {
  std::string url;           ///< WHIP or WHEP endpoint, complete
  std::string bearer_token;  ///< Authorization, empty: none
  bool verify_tls = true;
  std::string ca_file;
  /// Beside those of the server's Link headers. Neither these nor ICE-TCP are used towards a server on this machine.
  std::vector<rtp::IceServer> ice_servers;
  bool ice_tcp = true;
  std::vector<core::Codec> video_codecs{
      core::Codec::h264};  ///< subscriber: what it offers to receive; publisher: the first is sent
  bool video = true;
  std::vector<SimulcastLayer> simulcast{};  ///< publisher: offered where there are two or more, largest first
  bool stereo = false;                      ///< Opus in two channels (RFC 7587 §6.1)
  core::Duration first_retry = std::chrono::milliseconds(500);
  core::Duration longest_retry = std::chrono::seconds(15);
  core::Duration media_timeout =
      std::chrono::seconds(10);  ///< subscriber: nothing received for so long → PLI, then start again
  std::string cname = "partyline";
};

class PeerEvents {
 public:
  virtual ~PeerEvents() = default;
  /// `why` is empty except for waiting, where it says in words what went wrong.
  virtual void on_peer_state(PeerState state, const std::string& why) = 0;
  virtual void on_frame(const core::EncodedFrame& frame) = 0;  ///< subscriber
  virtual void on_keyframe_request() = 0;                      ///< publisher
  virtual void on_target_bitrate(core::Bitrate target) = 0;    ///< publisher
  /// Simulcast: of layer 1, 2, …; those of the first come as above. 0: nobody needs the layer now.
  virtual void on_layer_keyframe_request(size_t) {}
  virtual void on_layer_target(size_t, core::Bitrate) {}
};

class Peer {
 public:
  virtual ~Peer() = default;
  virtual void start() = 0;
  /// DELETEs the resource, closes DTLS, and calls nothing any more. The object may be dropped at once.
  virtual void stop() = 0;
  virtual PeerState state() const = 0;
  virtual rtp::SessionStats stats() const = 0;
  virtual void request_keyframe() = 0;  ///< subscriber
  /// Publisher: what more bandwidth would be used for, audio included. Subscriber: more video than this would be of no
  /// use.
  virtual void set_bitrate_wish(core::Bitrate wish) = 0;
  /// Publisher: frames to send, from any thread. Of the layers offered the server takes the first `layers()`: what is
  /// pushed to others is dropped. Sound goes with the first.
  virtual std::shared_ptr<core::FrameSink> sink(size_t layer = 0) = 0;
  virtual size_t layers() const = 0;  ///< 1 but with simulcast, once connected
};

std::shared_ptr<Peer> make_publisher(boost::asio::any_io_executor executor, rtp::NiceService& ice, PeerConfig config,
                                     PeerEvents& events);
std::shared_ptr<Peer> make_subscriber(boost::asio::any_io_executor executor, rtp::NiceService& ice, PeerConfig config,
                                      PeerEvents& events);

}  // namespace partyline::whip_client
