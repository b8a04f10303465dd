// The requests of WHIP and WHEP as coroutines: POST an offer (through redirects, by resource_rules.hpp), PATCH the
// resource to restart ICE, and DELETE it. No state, no retry: that is the peer's business. Thread: the awaiting
// coroutine's executor.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <variant>
#include <vector>

#include "whip_client/peer.hpp"
#include "whip_client/resource_rules.hpp"

namespace partyline::whip_client {

struct Resource {
  std::string url;     ///< what DELETE goes to; empty when the server named none
  std::string answer;  ///< SDP
  std::vector<rtp::IceServer> ice_servers;
  /// It has an ETag, so PATCH means something there (RFC 9725 §4.3.1). SRS takes one for an offer.
  bool patchable = false;
};

using PostOutcome = std::variant<Resource, Refusal>;

/// `config` is copied into the coroutine.
boost::asio::awaitable<PostOutcome> post_offer(PeerConfig config, std::string offer, bool publishing);

using RestartOutcome = std::variant<rtp::IceDescription, Refusal>;

/// One try; `fragment` is our new half.
boost::asio::awaitable<RestartOutcome> patch_restart(PeerConfig config, std::string url, std::string fragment);

/// Best effort: tried twice, failure is logged. Credentials go along only to the endpoint's own origin.
boost::asio::awaitable<void> delete_resource(PeerConfig config, std::string url);

}  // namespace partyline::whip_client
