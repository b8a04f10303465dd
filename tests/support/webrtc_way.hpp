// A publisher and a player of the embedded SFU over real sockets of 127.0.0.1, all in one thread but for libnice:
//
//   publisher ─WHIP▶ SFU ─WHEP▶ player      a sound and a picture of three packets each 10 ms
//
// Thread: the maker's; everything happens inside talk() and until().
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>

#include "core/http/server.hpp"
#include "sfu/sfu.hpp"
#include "tests/support/event_loop.hpp"
#include "whip_client/peer.hpp"

namespace partyline::test {

using namespace std::chrono_literals;
using core::Codec;
using core::TimePoint;

struct CountingPeer final : whip_client::PeerEvents {
  void on_peer_state(whip_client::PeerState, const std::string&) override {}
  void on_frame(const core::EncodedFrame& frame) override {
    ++(core::kind_of(frame.codec) == core::MediaKind::audio ? sounds : pictures);
  }
  void on_keyframe_request() override { keyframe_wanted = true; }
  void on_target_bitrate(core::Bitrate) override {}

  int sounds = 0, pictures = 0;
  bool keyframe_wanted = false;
};

/// One NAL unit, or three with parameter sets, of a picture that goes into `size / 1200` packets or so.
inline core::EncodedFrame steady_frame(Codec codec, int64_t number, size_t size, bool keyframe) {
  core::EncodedFrame frame;
  frame.codec = codec;
  frame.buffer = core::Buffer::allocate(size + 64);
  uint8_t* at = frame.buffer.data();
  const auto nal = [&at](uint8_t header, size_t length) {
    for (const uint8_t byte : {0, 0, 0, 1}) *at++ = byte;
    *at++ = header;
    for (size_t i = 1; i < length; ++i) *at++ = static_cast<uint8_t>(1 + i % 250);
  };
  if (codec == Codec::h264) {
    if (keyframe) nal(0x67, 12);
    if (keyframe) nal(0x68, 5);
    nal(keyframe ? 0x65 : 0x41, size);
  } else {
    for (size_t i = 0; i < size; ++i) *at++ = static_cast<uint8_t>(i);
  }
  frame.buffer.resize(static_cast<size_t>(at - frame.buffer.data()));
  frame.data = frame.buffer.span();
  frame.capture = core::Clock::now();
  frame.rtp_time = number * (codec == Codec::h264 ? 900 : 480);
  frame.sequence = number;
  frame.keyframe = keyframe;
  return frame;
}

class WebRtcWay {
 public:
  static constexpr size_t kPicture = 3000;  ///< bytes, three packets

  ~WebRtcWay() {
    if (publisher_) publisher_->stop();
    if (player_) player_->stop();
    until([&] { return sfu_.streams().empty(); });
    io_.restart();
    io_.run_for(50ms);  // the DELETEs
    sfu_.stop();
    http_.stop();
    io_.restart();
    io_.run_for(50ms);
  }

  /// False when the two do not get connected.
  bool start() {
    sfu_.add_routes(http_);
    if (!sfu_.start() || !http_.start()) return false;
    publisher_ = make_publisher(io_.get_executor(), ice_, config("whip"), publishing_);
    player_ = make_subscriber(io_.get_executor(), ice_, config("whep"), playing);
    publisher_->start();
    player_->start();
    const auto stands = [](const whip_client::Peer& peer) { return peer.state() == whip_client::PeerState::connected; };
    return until([&] { return stands(*publisher_) && stands(*player_); });
  }

  template <class Done>
  bool until(Done done) {
    return run_until(io_, std::move(done));
  }

  /// Until the packets that all keep to be sent again, 2048 and 1024, are as many as they will be.
  bool warm_up() {
    constexpr int kFrames = 250;
    talk(kFrames, 10000);
    const bool all = until([&] { return playing.pictures >= kFrames * 9 / 10; });
    talk(100);
    return all;
  }

  void talk(int count, size_t picture = kPicture) {
    for (TimePoint due = core::Clock::now(); count > 0; --count, due += 10ms) {
      publisher_->sink()->push(steady_frame(Codec::opus, frames_, 80, false));
      const bool keyframe = std::exchange(publishing_.keyframe_wanted, false);
      publisher_->sink()->push(steady_frame(Codec::h264, frames_, picture, keyframe));
      ++frames_;
      until([&] { return core::Clock::now() >= due; });
    }
  }

  /// That the player got, so far, after warm_up().
  int packets() const { return playing.sounds + 3 * playing.pictures; }

  CountingPeer playing;

 private:
  static sfu::SfuConfig small_sfu() {
    sfu::SfuConfig config;
    config.ice.listen_address = "127.0.0.1";
    config.ice.port = 0;
    return config;
  }
  whip_client::PeerConfig config(const char* kind) const {
    whip_client::PeerConfig result;
    result.url = "http://127.0.0.1:" + std::to_string(http_.port()) + "/" + kind + "/room/ann";
    return result;
  }

  boost::asio::io_context io_;
  std::shared_ptr<const rtp::DtlsIdentity> identity_ = *rtp::DtlsIdentity::generate();
  rtp::NiceService ice_{identity_};
  core::http::Server http_{io_.get_executor(), loopback_server()};
  sfu::Sfu sfu_{io_.get_executor(), small_sfu(), identity_};
  CountingPeer publishing_;
  std::shared_ptr<whip_client::Peer> publisher_, player_;
  int64_t frames_ = 0;
};

}  // namespace partyline::test
