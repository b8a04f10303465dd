// WHIP and WHEP at our own address while the SFU is another one: requests of the join page (and of whoever else posts
// there) are passed on to the configured SFU, its sessions get names of ours, and its dialect's refusals become the
// statuses of RFC 9725. So one page and one address serve every SFU, and pages need no rights at the SFU's origin.
//
// Who may come is decided as by the embedded SFU: [sfu] publish_token and play_token. Media never passes here. Not
// done: hooks; the SFU itself tells who publishes and plays. Thread: network.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "core/http/client.hpp"
#include "core/http/server.hpp"
#include "gateway/services.hpp"

namespace partyline::gateway {

class SfuRelay {
 public:
  explicit SfuRelay(const Services& services) : services_(services) {}
  /// POST /whip|/whep/{app}/{stream}, PATCH and DELETE of the sessions below, OPTIONS. The relay outlives the server.
  void add_routes(core::http::Server& server);

 private:
  using Request = core::http::Request;
  using Response = core::http::Response;

  boost::asio::awaitable<Response> create(bool publishing, Request request);
  boost::asio::awaitable<Response> pass_on(Request request);
  core::http::ClientRequest to_sfu(const Request& request, std::string url) const;
  /// Our name for the SFU's session; the oldest is forgotten when there are too many.
  std::string remember(std::string url);

  const Services& services_;
  std::map<std::string, std::string> sessions_;  ///< our token → the SFU's URL
  std::deque<std::string> order_;                ///< of the tokens, oldest first
};

/// Why the request may not be passed on, as the response to give; nothing when it may. Pure.
std::optional<core::http::Response> relay_refusal(const core::http::Request& request, bool publishing,
                                                  const std::string& token);

/// The visitor's query as it is passed on ("&k=v…", or "?k=v…" unless a query has `begun`): without what would name
/// another stream at SRS, which takes the last value it reads and splits at ';' and ',' too, or would make him us.
/// Pure.
std::string passed_query(const core::http::Request& request, bool begun);

}  // namespace partyline::gateway
