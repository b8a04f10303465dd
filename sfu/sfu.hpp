// The embedded SFU: WHIP ingest (RFC 9725), WHEP egress, RTP forwarding, hooks in SRS's JSON. Reached only through its
// URLs and its hooks, like any other server: nothing in gateway/ may know more of it than how to start it.
//
//   POST /whip/APP/STREAM   /whep/APP/STREAM   and SRS's /rtc/v1/whip/?app=&stream=   /rtc/v1/whep/?app=&stream=
//   PATCH (trickle: accepted, ICE-lite needs no candidates; ICE restart), DELETE, OPTIONS on the resource named by
//   Location.
//
// A WHEP player may come before its publisher (as at SRS: 201, media starts when the publisher comes).
// Thread: everything on the executor.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/frame.hpp"
#include "core/http/server.hpp"
#include "core/result.hpp"
#include "rtp/link_report.hpp"
#include "rtp/transport/ice_lite_server.hpp"
#include "rtp/transport/ice_server.hpp"

namespace partyline::sfu {

struct SfuConfig {
  rtp::IceLiteConfig ice;
  /// What clients are told to try, each with credentials of its own where a secret makes them. We use none ourselves.
  std::vector<rtp::IceServer> ice_servers;
  /// Called in order for on_publish, on_unpublish, on_play, on_stop with SRS's JSON; the first two kinds may refuse
  /// (200 with {"code":0} or 0 accepts, anything else and silence refuse). Empty: no hooks. on_publish and on_play are
  /// waited for; whoever gets them may already pull the stream.
  std::vector<std::string> hook_urls;
  std::string publish_token, play_token;  ///< Bearer tokens; empty: open
  size_t max_streams = 1000, max_players_per_stream = 1000;
  size_t max_pending_per_address = 100;  ///< sessions whose ICE and DTLS are not done yet, of one client address
  /// What publishers may send, best first.
  std::vector<core::Codec> video_codecs{core::Codec::h264, core::Codec::vp8};
  std::chrono::milliseconds hook_timeout{5000};
  /// A publisher that has sent nothing for so long loses its name to the next one who asks for it.
  core::Duration publisher_silence = std::chrono::seconds(5);
};

struct StreamInfo {
  std::string app, stream, client_id;
  bool publishing = false;
  int players = 0;
  uint64_t packets_in = 0, packets_out = 0;
};

class Sfu {
 public:
  Sfu(boost::asio::any_io_executor executor, SfuConfig config, std::shared_ptr<const rtp::DtlsIdentity> identity);
  ~Sfu();
  core::Result<> start();
  void stop();
  /// Adds its routes to the server that carries the API, too.
  void add_routes(core::http::Server& server);
  std::vector<StreamInfo> streams() const;
  /// How the links of its clients fare; as long as this lives.
  const rtp::LinkBook& links() const;
  uint16_t media_port() const;
  /// For sessions made from now on.
  void set_identity(std::shared_ptr<const rtp::DtlsIdentity> identity);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace partyline::sfu
