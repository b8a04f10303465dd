// One peer connection of a publisher or subscriber, from gathering to goodbye: the transport, the RTP session on it,
// and the loop that gives both their time. It does not know HTTP and never tries again.
//
//   open() ─ our ICE half ─▶ (offer, answer) ─▶ connect() ─▶ established() ─▶ run() … until close() or the end
//                                  path lost: regather() ─ our new half ─▶ (PATCH) ─▶ restart() or give_up()
//
// Thread: the executor. After close() no PeerEvents method is called any more.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "rtp/session.hpp"
#include "rtp/transport/nice_transport.hpp"
#include "rtp/transport_congestion.hpp"
#include "whip_client/layer_session.hpp"
#include "whip_client/layer_shares.hpp"
#include "whip_client/media_watchdog.hpp"
#include "whip_client/offer.hpp"
#include "whip_client/peer.hpp"

namespace partyline::whip_client {

class Connection final : public rtp::TransportEvents,
                         public rtp::SessionEvents,
                         public LayerSession::Owner,
                         public std::enable_shared_from_this<Connection> {
 public:
  /// `watchdog` outlives the connection: it remembers how often a stream stayed silent.
  Connection(boost::asio::any_io_executor executor, Role role, std::string cname, MediaWatchdog& watchdog,
             PeerEvents& events);
  ~Connection() override;

  boost::asio::awaitable<core::Result<rtp::IceDescription>> open(rtp::NiceService& ice, rtp::NiceConfig config);
  /// Those that came with the answer; before connect().
  boost::asio::awaitable<void> add_ice_servers(std::vector<rtp::IceServer> servers);
  core::Result<> connect(Agreement agreement);
  /// What to do when the path is lost; without it the connection ends. The story of the restart goes on beside run().
  void set_restart(std::function<void()> restart) { restart_ = std::move(restart); }
  boost::asio::awaitable<core::Result<rtp::IceDescription>> regather();
  core::Result<> restart(const rtp::IceDescription& theirs);
  /// The restart came to nothing.
  void give_up(const std::string& why);
  bool is_over() const { return over_.has_value(); }
  /// Which loss of the path has not been mended yet: 1, 2, …; 0: it stands.
  int loss() const { return path_lost_ ? losses_ : 0; }
  /// Until media may flow; an error when it never will.
  boost::asio::awaitable<core::Result<>> established();
  /// Until the connection is over; says why.
  boost::asio::awaitable<core::Error> run();
  /// RTCP BYE and DTLS close_notify. Idempotent; may be called from within an event.
  void close();

  /// `layer`: of simulcast; false when there is no such layer.
  bool send(const core::EncodedFrame& frame, size_t layer, core::TimePoint now);
  size_t layers() const { return 1 + layer_tracks_.size(); }
  void request_keyframe(core::TimePoint now);
  /// As Peer::set_bitrate_wish.
  void set_bitrate_wish(core::Bitrate wish, core::TimePoint now);
  rtp::SessionStats stats() const;

  void on_transport_connected() override;
  void on_rtp(core::Buffer packet, core::TimePoint now) override;
  void on_rtcp(core::Buffer packet, core::TimePoint now) override;
  void on_transport_closed(const core::Error& why) override;
  bool on_path_lost() override;
  void on_path_found() override;

  void send_rtp(std::span<const uint8_t> packet) override;
  void send_rtcp(std::span<const uint8_t> packet) override;
  void on_frame(const core::EncodedFrame& frame) override;
  void on_digit(char digit) override;
  void on_keyframe_request() override;
  void on_target_bitrate(core::Bitrate target) override;

 private:
  void end(core::Error why);
  /// What run() does again and again.
  void step();
  /// Gives the session its time after something happened, and wakes the loop when it wants to be called sooner.
  void pump(core::TimePoint now);
  void watch(core::TimePoint now);
  bool receives_video() const;
  void on_layer_keyframe_request(size_t layer) override;
  void on_layer_target(size_t layer, core::Bitrate target) override;
  core::TimePoint tick(core::TimePoint now);
  rtp::Session& session_of(size_t layer) { return layer == 0 ? *session_ : layers_[layer - 1]->session(); }
  void share_path(core::TimePoint now);

  const Role role_;
  const std::string cname_;
  MediaWatchdog& watchdog_;
  PeerEvents* events_;              ///< null after close()
  boost::asio::steady_timer turn_;  ///< what the story waits for
  boost::asio::steady_timer wake_;  ///< the next step
  std::shared_ptr<rtp::NiceTransport> transport_;
  std::vector<rtp::TrackConfig> tracks_, layer_tracks_;
  std::unique_ptr<rtp::Session> session_;              ///< from the moment media may flow
  std::vector<std::unique_ptr<LayerSession>> layers_;  ///< of simulcast, but the first
  std::vector<core::Bitrate> layer_rates_;
  std::shared_ptr<rtp::TransportCongestion> congestion_;  ///< of simulcast with transport-cc
  std::optional<LayerShares> shares_;
  core::TimePoint next_share_{};
  std::optional<core::Error> over_;
  std::function<void()> restart_;
  bool closed_ = false, path_lost_ = false;
  int losses_ = 0;
  std::optional<core::Bitrate> wish_;
  core::TimePoint wake_at_{}, next_watch_{};
};

}  // namespace partyline::whip_client
